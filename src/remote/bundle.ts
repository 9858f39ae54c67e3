import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { DIST } from '../dist.ts';
import { TcplabError } from '../error.ts';

/** What of tcplab an agent needs: it has no command line, and shows nothing. */
const OWN = ['package.json', 'dist/remote/agent.cjs', 'dist/remote/watchdog-process.cjs'];

export interface Target {
  platform: string;
  arch: string;
  libc: 'glibc' | 'musl';
}

/**
 * The files of an agent for another machine, as its loader takes them: the length in 8 hexadecimal digits, then an object
 * of names and contents, packed. Throws where this tcplab has no native code for that machine.
 */
export function bundleFor({ platform, arch, libc }: Target): Buffer {
  const koffi = dirname(createRequire(import.meta.url).resolve('koffi'));
  const native = join(koffi, '..', '@koromix', `koffi-${platform}-${arch}`);
  const library = join(native, `${libc === 'musl' ? 'musl' : platform}_${arch}`, 'koffi.node');
  const files = new Map<string, string>();
  const add = (name: string, path: string) => files.set(name, readFileSync(path).toString('base64'));
  try {
    add(join('node_modules/koffi/build/koffi', `${platform}_${arch}`, 'koffi.node'), library);
  } catch {
    throw new TcplabError('MACHINE', `tcplab here has no native code for ${platform} ${arch} (${libc})`, {
      hint: 'install tcplab of the same version there: `npm pack` in a clone, then `npm install -g` with the tarball',
    });
  }
  for (const path of scriptsIn(koffi)) add(join('node_modules/koffi', relative(koffi, path)), path);
  for (const path of OWN) add(path, fileURLToPath(new URL(`../${path}`, DIST)));
  const packed = gzipSync(JSON.stringify(Object.fromEntries(files)));
  return Buffer.concat([Buffer.from(packed.length.toString(16).padStart(8, '0')), packed]);
}

function scriptsIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.c?js$|(^|\/)package\.json$/.test(name) && !name.endsWith('cnoke.cjs'))
    .map((name) => join(folder, name));
}
