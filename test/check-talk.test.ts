import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeAuthority } from '../src/check/tls/authority.ts';
import type { CheckReport } from '../src/report/terminal/check-report.ts';
import { eventually, Program, TCPLAB, tcplab, temporaryFolder } from './cli.ts';

/** tcplab speaks with real programs, in clear and in TLS. */

async function check(...args: string[]): Promise<CheckReport['probes'][number]> {
  const { stdout, stderr } = await tcplab('check', ...args.slice(0, 1), '--json', ...args.slice(1));
  expect(stderr).toBe('');
  return (JSON.parse(stdout) as CheckReport).probes[0] as CheckReport['probes'][number];
}

/** Python raises SSLEOFError if it does not suppress an end without close_notify. */
const STRICT = `
import socket, ssl
plain = socket.create_connection(('{server}', {port}))
secure = ssl.create_default_context().wrap_socket(plain, server_hostname='localhost', suppress_ragged_eofs=False)
secure.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
while secure.recv(4096): pass
`;

const HTTPS = `
const { readFileSync: read } = require('fs');
const keys = { key: read('key.pem'), cert: read('cert.pem') };
require('https').createServer(keys, (_, to) => to.end('hi')).listen(443);
`;

/** Says nothing in TLS before it closes. */
const RUDE = `
import os, socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('cert.pem', 'key.pem')
listener = socket.create_server(('', 443))
while True:
    try:
        secure = context.wrap_socket(listener.accept()[0], server_side=True)
        secure.recv(4096)
        secure.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi')
        os.close(secure.detach())
    except OSError:
        pass
`;

describe.concurrent('the ready words serve real clients', () => {
  it.each([
    ['redis', ['redis-cli', '-h', '{server}', '-p', '{port}', 'get', 'name']],
    ['mqtt', ['mosquitto_sub', '-h', '{server}', '-p', '{port}', '-t', 'a/b', '-C', '1']],
    ['mqtt', ['mosquitto_pub', '-h', '{server}', '-p', '{port}', '-V', '5', '-q', '1', '-t', 'a', '-m', 'b']],
    [
      'smtp',
      [
        'python3',
        '-c',
        "import smtplib as s; c = s.SMTP('{server}', {port}); c.sendmail('a@b', 'c@d', 'hi'); c.quit()",
      ],
    ],
    ['http', ['curl', '-sS', 'http://{server}:{port}/']],
  ])('%s', async (talk, command) => {
    const { verdict, code } = await check('client', '--only', 'is-served', '--talk', talk, '--', ...command);
    expect({ verdict, code }).toEqual({ verdict: 'good', code: 'served' });
  });

  it('ssh, as far as it goes: the client is disconnected, and nothing is known', async () => {
    const command = [
      'ssh',
      '-o',
      'BatchMode=yes',
      '-o',
      'StrictHostKeyChecking=no',
      '-p',
      '{port}',
      '{server}',
    ];
    const { verdict, code } = await check('client', '--only', 'is-served', '--talk', 'ssh', '--', ...command);
    expect({ verdict, code }).toEqual({ verdict: 'unknown', code: 'not-understood' });
  });
});

describe.concurrent('the ready words ask real servers', () => {
  it.each([
    // The package redis-tools has the server too, by another name.
    [
      'redis',
      '6379',
      'exec bash -c \'exec -a redis-server redis-check-rdb --save "" --protected-mode no\'',
      '+PONG',
    ],
    ['smtp', '25', 'exec python3 -W ignore -m smtpd -n -c DebuggingServer 0.0.0.0:25', '220 '],
    ['ssh', '22', 'mkdir -p /run/sshd; exec /usr/sbin/sshd -D -e -h $KEY -p 22', 'SSH-2.0-OpenSSH'],
  ])('%s', async (talk, port, command, said) => {
    const key = join(temporaryFolder(), 'key');
    const made = command.includes('$KEY') ? `ssh-keygen -q -t ed25519 -N '' -f ${key}; ` : '';
    const line = made + command.replace('$KEY', key);
    const probe = await check('server', '--only', 'serves', '--port', port, '--talk', talk, '--', line);
    expect({ verdict: probe.verdict, said: probe.said }).toEqual({
      verdict: 'good',
      said: expect.stringContaining(said),
    });
  });

  it('and a server that speaks something else is not good', async () => {
    const command = ['python3', '-W', 'ignore', '-m', 'smtpd', '-n', '-c', 'DebuggingServer', '0.0.0.0:25'];
    for (const talk of ['http', 'redis', 'mysql']) {
      const options = ['--only', 'serves', '--port', '25', '--within', '1s', '--talk', talk];
      expect([talk, (await check('server', ...options, '--', ...command)).verdict]).not.toEqual([
        talk,
        'good',
      ]);
    }
  });
});

describe.concurrent('in TLS', { timeout: 180_000 }, () => {
  it.each([
    ['curl', ['curl', '-sS', 'https://{server}:{port}/']],
    ['curl by --cacert', ['curl', '-sS', '--cacert', '{ca}', 'https://{server}:{port}/']],
    ['node', ['node', '-e', "fetch('https://{server}:{port}/').then((answer) => answer.text())"]],
    ['python', ['python3', '-c', "import urllib.request as u; u.urlopen('https://{server}:{port}/').read()"]],
  ])('%s is served, and trusts the authority', async (_, command) => {
    const { verdict, code } = await check('client', '--only', 'is-served', '--tls', '--', ...command);
    expect({ verdict, code }).toEqual({ verdict: 'good', code: 'served' });
  });

  it('a client that trusts nobody is not served, and tcplab says that one speaks TLS', async () => {
    const strict = [
      'env',
      '-u',
      'CURL_CA_BUNDLE',
      '-u',
      'SSL_CERT_FILE',
      'curl',
      '-sS',
      'https://{server}:{port}/',
    ];
    const refused = await check('client', '--only', 'is-served', '--tls', '--', ...strict);
    expect(refused).toMatchObject({
      verdict: 'unknown',
      says: expect.stringMatching(/exited with status 60/),
    });
    const plain = await check(
      'client',
      '--only',
      'is-served',
      '--',
      'curl',
      '-sSk',
      'https://{server}:{port}/',
    );
    expect(plain).toMatchObject({
      verdict: 'unknown',
      says: expect.stringContaining('it speaks TLS: use --tls'),
    });
  });

  /** Runs a program in a folder that has a key and a certificate. */
  const server = async (...program: string[]) => {
    const folder = temporaryFolder();
    const { certificate, key } = await makeAuthority(['127.0.0.1'], ['localhost']);
    writeFileSync(join(folder, 'key.pem'), key);
    writeFileSync(join(folder, 'cert.pem'), certificate);
    writeFileSync(join(folder, 'program'), program.at(-1) ?? '');
    return `cd ${folder} && exec ${program[0]} program`;
  };

  it('a server of Node is served, closes, and is reset', async () => {
    const line = await server('node', HTTPS);
    for (const id of ['serves', 'peer-closes', 'peer-resets']) {
      const probe = await check('server', '--only', id, '--port', '443', '--talk', 'https', '--', line);
      expect([id, probe.verdict]).toEqual([id, 'good']);
    }
    const plain = await check('server', '--only', 'serves', '--port', '443', '--talk', 'http', '--', line);
    expect(plain.verdict).not.toBe('good');
  });

  it.each([
    ['one of Node', 'node', HTTPS, 'good notified'],
    ['one that closes its socket alone', 'python3', RUDE, 'risk not-notified'],
  ])('a server, %s, is found out: %s', async (_, runtime, program, found) => {
    const options = ['--only', 'close-notify', '--port', '443', '--talk', 'https'];
    const { verdict, code } = await check('server', ...options, '--', await server(runtime, program));
    expect(`${verdict} ${code}`).toBe(found);
  });

  it.each([
    ['curl', ['curl', '-sS', 'https://{server}:{port}/'], 'fault reported-success'],
    ['one that insists on close_notify', ['python3', '-c', STRICT], 'good reported'],
  ])('%s is %s after a FIN without close_notify', async (_, command, found) => {
    const options = ['--only', 'cut-without-close-notify', '--tls'];
    const { verdict, code } = await check('client', ...options, '--', ...command);
    expect(`${verdict} ${code}`).toBe(found);
  });

  it.each([
    ['the authority', ['--tls'], 'https://{server}:{port}/'],
    ['names', ['--only', 'first-address-dead'], 'http://{name}:{port}/'],
  ])('Ctrl-C leaves no folder of %s', async (_, options, url) => {
    const folder = temporaryFolder();
    const words = [
      'check',
      'client',
      ...options,
      '--',
      'sh',
      '-c',
      `curl -s ${url}; ls ${folder} >&2; sleep 60`,
    ];
    const running = new Program([...TCPLAB, ...words], { TMPDIR: folder });
    await eventually('its folder', () => readdirSync(folder).length > 0);
    running.kill('SIGINT');
    await running.ended;
    expect(readdirSync(folder)).toEqual([]);
  });
});
