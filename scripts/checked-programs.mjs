#!/usr/bin/env node
// docs/checked-programs.md: what `tcplab check` finds out about well-known programs, as far as they are installed.
// `npm run docs:programs` looks at all of them, `-- NAME …` at some, and then writes nothing.
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { EXPLAINED } from './checked-programs-explained.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tcplab-programs-'));
chmodSync(folder, 0o755);

const file = (name, text) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

/** Commands as people start them; each has a configuration as short as can be, in a folder that is gone afterwards. */
const PROGRAMS = [
  {
    name: 'nginx',
    target: 'server',
    version: ['nginx', '-v'],
    options: ['--port', '8080', '--http', '/'],
    command: () => {
      const configuration = `daemon off; pid ${folder}/nginx.pid; error_log stderr;
events {}
http { access_log off; server { listen 8080; location / { return 200 "${'nginx '.repeat(100)}"; } } }
`;
      return `nginx -e stderr -c ${file('nginx.conf', configuration)}`;
    },
  },
  {
    name: 'haproxy',
    target: 'server',
    version: ['haproxy', '-v'],
    options: ['--port', '8080', '--http', '/'],
    command: () => {
      const configuration = `defaults
  mode http
  timeout client 30s
  timeout connect 5s
  timeout server 30s
frontend all
  bind :8080
  http-request return status 200 content-type text/plain string "${'haproxy '.repeat(100)}"
`;
      return `haproxy -db -f ${file('haproxy.cfg', configuration)}`;
    },
  },
  {
    name: 'redis-server',
    target: 'server',
    version: ['redis-server', '--version'],
    options: ['--port', '6379', '--request', 'PING\\r\\n', '--expect', 'PONG'],
    command: () => `redis-server --save "" --dir ${folder} --protected-mode no`,
  },
  {
    name: 'PostgreSQL',
    target: 'server',
    version: ['sh', '-c', 'ls -d /usr/lib/postgresql/*'],
    // SSLRequest, to which the answer is one letter.
    options: ['--port', '5432', '--request', '\\x00\\x00\\x00\\x08\\x04\\xd2\\x16\\x2f', '--expect', 'N'],
    command: () => {
      const [version] = readdirSync('/usr/lib/postgresql');
      const [data, bin] = [join(folder, 'postgres'), `/usr/lib/postgresql/${version}/bin`];
      const id = (flag) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
      mkdirSync(data);
      chownSync(data, id('-u'), id('-g'));
      const asOwner = `setpriv --reuid postgres --regid postgres --clear-groups`;
      spawnSync('sh', ['-c', `${asOwner} ${bin}/initdb -D ${data} -A trust`]);
      return `exec ${asOwner} ${bin}/postgres -D ${data} -k ${data} -h '*'`;
    },
  },
  {
    name: 'python3 -m http.server',
    target: 'server',
    version: ['python3', '--version'],
    options: ['--port', '8080', '--http', '/'],
    command: () => {
      mkdirSync(join(folder, 'served'), { recursive: true });
      writeFileSync(join(folder, 'served/index.html'), 'python '.repeat(100));
      return `python3 -m http.server 8080 --directory ${folder}/served`;
    },
  },
  {
    name: 'Node’s http server',
    target: 'server',
    version: ['node', '--version'],
    options: ['--port', '8080', '--http', '/'],
    command: () => {
      const text = `require('http').createServer((_, answer) => answer.end('node '.repeat(200))).listen(8080);\n`;
      return `node ${file('server.cjs', text)}`;
    },
  },
  {
    name: 'curl',
    target: 'client',
    version: ['curl', '--version'],
    command: () => 'curl -sS http://{server}:{port}/',
  },
  {
    name: 'wget',
    target: 'client',
    version: ['wget', '--version'],
    command: () => 'wget -nv -O - http://{server}:{port}/',
  },
  {
    name: 'nc',
    target: 'client',
    version: ['dpkg-query', '-W', 'netcat-openbsd'],
    command: () => "printf 'hello\\n' | nc {server} {port}",
  },
  {
    name: 'Node’s fetch',
    target: 'client',
    version: ['node', '--version'],
    command: () => {
      const text = `fetch(process.argv[2]).then((answer) => answer.text()).then((text) => console.log(text.length));\n`;
      return `node ${file('fetch.cjs', text)} http://{server}:{port}/`;
    },
  },
  {
    name: 'python’s urllib',
    target: 'client',
    version: ['python3', '--version'],
    command: () => {
      const text = `import sys, urllib.request\nprint(len(urllib.request.urlopen(sys.argv[1]).read()))\n`;
      return `python3 ${file('fetch.py', text)} http://{server}:{port}/`;
    },
  },
];

function versionOf({ version: [program, ...args] }) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) return undefined;
  const line = (stdout || stderr).trim().split('\n')[0];
  return /v?\d+(\.\d+)*/.exec(line.replace(/^\/.*\/|x86_64|aarch64|pc-linux-gnu/g, ''))?.[0];
}

function reportOf({ target, options = [], command }) {
  const args = [
    join(root, 'dist/cli/main.js'),
    'check',
    target,
    ...options,
    '--within',
    '3s',
    '--json',
    '--',
    command(),
  ];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (!stdout) throw new Error(`${args.join(' ')}: ${stderr}`);
  return JSON.parse(stdout);
}

function section({ name, target }, version, { probes, command }) {
  const shown = command.replaceAll(folder, 'FOLDER');
  const lines = [`## ${name} ${version}`, '', `\`${shown}\` (${target})`, ''];
  lines.push('| probe | | what was seen |', '|---|---|---|');
  for (const { id, verdict, says } of probes)
    lines.push(`| ${id} | ${mark(verdict)} | ${says.replaceAll('|', '\\|')} |`);
  const noted = probes.flatMap(({ id, verdict }) => {
    if (verdict !== 'risk' && verdict !== 'fault') return [];
    const note = EXPLAINED[name]?.[id] ?? EXPLAINED['*'][id];
    return note ? [`- **${id}**: ${note}`] : [`- **${id}**: not yet explained.`];
  });
  return [...lines, '', ...noted, ''].join('\n');
}

function mark(verdict) {
  return verdict === 'good' ? 'good' : verdict === 'unknown' ? '–' : `**${verdict}**`;
}

try {
  build(root);
  const wanted = process.argv.slice(2);
  const sections = [];
  for (const program of PROGRAMS) {
    if (wanted.length > 0 && !wanted.includes(program.name)) continue;
    const version = versionOf(program);
    if (!version) {
      process.stderr.write(`${program.name}: not installed\n`);
      continue;
    }
    process.stderr.write(`${program.name} ${version}\n`);
    sections.push(section(program, version, reportOf(program)));
  }
  const head = `# Programs that were looked at

What \`tcplab check\` found out about programs that everybody knows, as they are, with a configuration as short as can
be and 3 s of patience. Made by \`npm run docs:programs\`, on a machine where they are installed; numbers of
milliseconds are of that machine and that run.

A **risk** is not a bug of the program: it is what somebody who runs it should know and set. Each was looked at by hand
once, with \`tcplab hold … --server\` or \`--client\` and \`ss -tano\`, and is explained below its table.
`;
  const text = `${head}\n${sections.join('\n')}`;
  if (wanted.length > 0) process.stdout.write(text);
  else writeFileSync(join(root, 'docs/checked-programs.md'), text);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
