import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A program that `npm run docs:programs` tests.
 * @typedef {object} Looked
 * @property {string} name
 * @property {'server' | 'client'} target
 * @property {string[]} version a command that prints it, and fails when the program is not installed
 * @property {string[]} [options] of `tcplab check`
 * @property {(folder: string) => string} command starts the program; writes its files into the folder first
 */

/**
 * @param {string} folder
 * @param {string} name
 * @param {string} text
 */
function file(folder, name, text) {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

/**
 * Common commands, each with the shortest possible configuration.
 * @type {Looked[]}
 */
export const PROGRAMS = [
  {
    name: 'nginx',
    target: 'server',
    version: ['nginx', '-v'],
    options: ['--port', '8080', '--http', '/'],
    command: (folder) => {
      const configuration = `daemon off; pid ${folder}/nginx.pid; error_log stderr;
events {}
http { access_log off; server { listen 8080; location / { return 200 "${'nginx '.repeat(100)}"; } } }
`;
      return `nginx -e stderr -c ${file(folder, 'nginx.conf', configuration)}`;
    },
  },
  {
    name: 'haproxy',
    target: 'server',
    version: ['haproxy', '-v'],
    options: ['--port', '8080', '--http', '/'],
    command: (folder) => {
      const configuration = `defaults
  mode http
  timeout client 30s
  timeout connect 5s
  timeout server 30s
frontend all
  bind :8080
  http-request return status 200 content-type text/plain string "${'haproxy '.repeat(100)}"
`;
      return `haproxy -db -f ${file(folder, 'haproxy.cfg', configuration)}`;
    },
  },
  {
    name: 'redis-server',
    target: 'server',
    version: ['redis-server', '--version'],
    options: ['--port', '6379', '--request', 'PING\\r\\n', '--expect', 'PONG'],
    command: (folder) => `redis-server --save "" --dir ${folder} --protected-mode no`,
  },
  {
    name: 'PostgreSQL',
    target: 'server',
    version: ['sh', '-c', 'ls -d /usr/lib/postgresql/*'],
    // SSLRequest: the response is one letter.
    options: ['--port', '5432', '--request', '\\x00\\x00\\x00\\x08\\x04\\xd2\\x16\\x2f', '--expect', 'N'],
    command: (folder) => {
      const [version] = readdirSync('/usr/lib/postgresql');
      const [data, bin] = [join(folder, 'postgres'), `/usr/lib/postgresql/${version}/bin`];
      const id = (/** @type {string} */ flag) =>
        Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
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
    command: (folder) => {
      mkdirSync(join(folder, 'served'), { recursive: true });
      writeFileSync(join(folder, 'served/index.html'), 'python '.repeat(100));
      return `python3 -m http.server 8080 --directory ${folder}/served`;
    },
  },
  {
    name: "Node's http server",
    target: 'server',
    version: ['node', '--version'],
    options: ['--port', '8080', '--http', '/'],
    command: (folder) => {
      const text = `require('http').createServer((_, answer) => answer.end('node '.repeat(200))).listen(8080);\n`;
      return `node ${file(folder, 'server.cjs', text)}`;
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
    name: "Node's fetch",
    target: 'client',
    version: ['node', '--version'],
    command: (folder) => {
      const text = `fetch(process.argv[2]).then((answer) => answer.text()).then((text) => console.log(text.length));\n`;
      return `node ${file(folder, 'fetch.cjs', text)} http://{server}:{port}/`;
    },
  },
  {
    name: "Python's urllib",
    target: 'client',
    version: ['python3', '--version'],
    command: (folder) => {
      const text = `import sys, urllib.request\nprint(len(urllib.request.urlopen(sys.argv[1]).read()))\n`;
      return `python3 ${file(folder, 'fetch.py', text)} http://{server}:{port}/`;
    },
  },
];
