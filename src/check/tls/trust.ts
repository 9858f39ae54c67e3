import { createHash, X509Certificate } from 'node:crypto';
import { TemporaryFolder } from '../../lab/temporary-folder.ts';

/** The file of an authority, for `{ca}` in a command, and the environment by which programs trust it. */
export interface Trust extends Disposable {
  file: string;
  environment: NodeJS.ProcessEnv;
}

/**
 * Writes the authority where programs find it: OpenSSL, Go and Python read SSL_CERT_FILE, curl CURL_CA_BUNDLE, requests
 * REQUESTS_CA_BUNDLE, Node NODE_EXTRA_CA_CERTS, git GIT_SSL_CAINFO, and Java a trust store of its own. All users may read it.
 */
export function trustIn(pem: string): Trust {
  const folder = new TemporaryFolder('tcplab-ca-');
  const file = folder.write('ca.pem', pem);
  const store = folder.write('ca.jks', javaKeyStore(new X509Certificate(pem).raw));
  const java = [`Store=${store}`, 'StoreType=JKS', `StorePassword=${PASSWORD}`];
  return {
    file,
    environment: {
      SSL_CERT_FILE: file,
      CURL_CA_BUNDLE: file,
      REQUESTS_CA_BUNDLE: file,
      NODE_EXTRA_CA_CERTS: file,
      GIT_SSL_CAINFO: file,
      JAVA_TOOL_OPTIONS: java.map((word) => `-Djavax.net.ssl.trust${word}`).join(' '),
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

const PASSWORD = 'changeit';

/** A key store of Java's own format with one trusted certificate (sun.security.provider.JavaKeyStore). */
function javaKeyStore(certificate: Buffer): Buffer {
  const int = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const text = (value: string) => Buffer.concat([Buffer.of(0, value.length), Buffer.from(value, 'latin1')]);
  const MAGIC = 0xfeedfeed;
  const [VERSION, ENTRIES, TRUSTED] = [2, 1, 2];
  const store = Buffer.concat([
    ...[int(MAGIC), int(VERSION), int(ENTRIES), int(TRUSTED), text('tcplab'), Buffer.alloc(8)],
    ...[text('X.509'), int(certificate.length), certificate],
  ]);
  const password = Buffer.from(PASSWORD, 'utf16le').swap16();
  const digest = createHash('sha1').update(password).update('Mighty Aphrodite').update(store).digest();
  return Buffer.concat([store, digest]);
}
