import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { built, file } from './checked-programs-files.mjs';

/** @typedef {import('./checked-programs-files.mjs').Looked} Looked */

const HTTP = ['--port', '8080', '--http', '/'];
const BODY = 'hello '.repeat(100);

const WSGI = `def app(environ, start_response):
    body = b'hello ' * 100
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(body)))])
    return [body]
`;

const ASGI = `async def app(scope, receive, send):
    if scope['type'] == 'http':
        await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-length', b'600')]})
        await send({'type': 'http.response.body', 'body': b'hello ' * 100})
`;

/**
 * A server whose program is a file for an interpreter.
 * @param {string} name
 * @param {string} from the package
 * @param {string} interpreter
 * @param {string} extension
 * @param {string} text
 * @param {string[]} [options]
 * @returns {Looked}
 */
function script(name, from, interpreter, extension, text, options = HTTP) {
  const own = `server-${name.replace(/\W+/g, '-')}${extension}`;
  return {
    ...{ name, target: 'server', package: from, options },
    command: (folder) => `${interpreter} ${file(folder, own, text)}`,
  };
}

/** @param {string} folder */
function served(folder) {
  mkdirSync(join(folder, 'served'), { recursive: true });
  writeFileSync(join(folder, 'served/index.html'), BODY);
  return `${folder}/served`;
}

/**
 * @param {string} user
 * @param {'-u' | '-g'} which
 */
function idOf(user, which) {
  return Number(spawnSync('id', [which, user], { encoding: 'utf8' }).stdout);
}

/**
 * A folder of a user.
 * @param {string} folder
 * @param {string} name
 * @param {string} user
 */
function ownFolder(folder, name, user) {
  const own = join(folder, name);
  mkdirSync(own, { recursive: true });
  chownSync(own, idOf(user, '-u'), idOf(user, '-g'));
  return own;
}

/** @type {Looked[]} */
const WEB_SERVERS = [
  {
    ...{ name: 'nginx', target: 'server', package: 'nginx', options: HTTP, idle: '130s' },
    command: (folder) => {
      const configuration = `daemon off; pid ${folder}/nginx.pid; error_log stderr;
events {}
http { access_log off; server { listen 8080; location / { return 200 "${BODY}"; } } }
`;
      return `nginx -e stderr -c ${file(folder, 'nginx.conf', configuration)}`;
    },
  },
  {
    ...{ name: 'Apache', target: 'server', package: 'apache2', options: ['--port', '80', '--http', '/'] },
    command: () => '. /etc/apache2/envvars; mkdir -p $APACHE_RUN_DIR; exec apache2 -D FOREGROUND',
  },
  {
    ...{ name: 'haproxy', target: 'server', package: 'haproxy', options: HTTP, idle: '130s' },
    command: (folder) => {
      const configuration = `defaults
  mode http
  timeout client 30s
  timeout connect 5s
  timeout server 30s
frontend all
  bind :8080
  http-request return status 200 content-type text/plain string "${BODY}"
`;
      return `haproxy -db -f ${file(folder, 'haproxy.cfg', configuration)}`;
    },
  },
  {
    ...{ name: 'lighttpd', target: 'server', package: 'lighttpd', options: HTTP },
    command: (folder) => {
      const configuration = `server.port = 8080
server.document-root = "${served(folder)}"
index-file.names = ( "index.html" )
`;
      return `lighttpd -D -f ${file(folder, 'lighttpd.conf', configuration)}`;
    },
  },
  {
    ...{ name: 'caddy', target: 'server', package: 'caddy', options: HTTP },
    command: (folder) => {
      const configuration = `{\n\tadmin off\n}\n:8080 {\n\trespond "${BODY}"\n}\n`;
      const path = file(folder, 'Caddyfile', configuration);
      return `env HOME=${folder} caddy run --adapter caddyfile --config ${path}`;
    },
  },
  {
    ...script(
      'node:http',
      'nodejs',
      'node',
      '.cjs',
      `require('node:http').createServer((_, answer) => answer.end('hello '.repeat(100))).listen(8080);\n`,
    ),
    idle: '130s',
  },
  script(
    'express',
    'npm:express@5.3.0',
    'node',
    '.cjs',
    `require('express')().get('/', (_, answer) => answer.send('hello '.repeat(100))).listen(8080);\n`,
  ),
  script(
    'fastify',
    'npm:fastify@5.12.8',
    'node',
    '.cjs',
    `const server = require('fastify')();
server.get('/', async () => 'hello '.repeat(100));
server.listen({ port: 8080, host: '0.0.0.0' });
`,
  ),
  {
    ...{ name: 'gunicorn (sync)', target: 'server', package: 'gunicorn', options: HTTP },
    command: (folder) => `gunicorn --chdir ${wsgi(folder)} -b 0.0.0.0:8080 wsgi:app`,
  },
  {
    ...{ name: 'gunicorn (threads)', target: 'server', package: 'gunicorn', options: HTTP },
    command: (folder) => `gunicorn --chdir ${wsgi(folder)} --threads 8 -b 0.0.0.0:8080 wsgi:app`,
  },
  {
    ...{ name: 'uvicorn', target: 'server', package: 'uvicorn', options: HTTP },
    command: (folder) => {
      file(folder, 'asgi.py', ASGI);
      return `uvicorn --host 0.0.0.0 --port 8080 --app-dir ${folder} asgi:app`;
    },
  },
  {
    ...{ name: 'waitress', target: 'server', package: 'python3-waitress', options: HTTP },
    command: (folder) => {
      const path = file(
        folder,
        'waitress-server.py',
        `import waitress\n\n${WSGI}\nwaitress.serve(app, listen='0.0.0.0:8080')\n`,
      );
      return `/usr/bin/python3 ${path}`;
    },
  },
  script(
    'tornado',
    'python3-tornado',
    '/usr/bin/python3',
    '.py',
    `import asyncio
import tornado.web

class Handler(tornado.web.RequestHandler):
    def get(self):
        self.write('hello ' * 100)

async def main():
    tornado.web.Application([('/', Handler)]).listen(8080)
    await asyncio.Event().wait()

asyncio.run(main())
`,
  ),
  script(
    'aiohttp (server)',
    'python3-aiohttp',
    '/usr/bin/python3',
    '.py',
    `from aiohttp import web

async def handle(request):
    return web.Response(text='hello ' * 100)

app = web.Application()
app.add_routes([web.get('/', handle)])
web.run_app(app, port=8080)
`,
  ),
  {
    ...{ name: 'python3 -m http.server', target: 'server', package: 'python3', options: HTTP },
    command: (folder) => `/usr/bin/python3 -m http.server 8080 --directory ${served(folder)}`,
  },
  {
    ...{ name: 'puma', target: 'server', package: 'puma', options: HTTP },
    command: (folder) => {
      const text = `run ->(env) { [200, { 'content-type' => 'text/plain' }, ['hello ' * 100]] }\n`;
      return `puma -b tcp://0.0.0.0:8080 ${file(folder, 'config.ru', text)}`;
    },
  },
  script(
    'WEBrick',
    'ruby-webrick',
    'ruby',
    '.rb',
    `require 'webrick'
server = WEBrick::HTTPServer.new(Port: 8080, AccessLog: [])
server.mount_proc('/') { |_, answer| answer.body = 'hello ' * 100 }
trap('TERM') { server.shutdown }
server.start
`,
  ),
  {
    ...{ name: 'php -S', target: 'server', package: 'php8.2-cli', options: HTTP },
    command: (folder) => `php -S 0.0.0.0:8080 -t ${served(folder)}`,
  },
  {
    ...{ name: 'Go net/http', target: 'server', package: 'golang-1.19-go', options: HTTP },
    command: (folder) => {
      const text = `package main

import (
	"net/http"
	"strings"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(strings.Repeat("hello ", 100)))
	})
	panic(http.ListenAndServe(":8080", nil))
}
`;
      built(folder, 'go', 'build', '-o', 'go-server', file(folder, 'go-server.go', text));
      return `${folder}/go-server`;
    },
  },
  {
    ...{
      name: 'Java com.sun.net.httpserver',
      target: 'server',
      package: 'openjdk-17-jdk-headless',
      options: HTTP,
    },
    command: (folder) => {
      const text = `import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

public class JavaServer {
  public static void main(String[] args) throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
    server.createContext("/", exchange -> {
      byte[] body = "hello ".repeat(100).getBytes();
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
      exchange.close();
    });
    server.start();
  }
}
`;
      built(folder, 'javac', file(folder, 'JavaServer.java', text));
      return `java -cp ${folder} JavaServer`;
    },
  },
];

/** @param {string} folder */
function wsgi(folder) {
  file(folder, 'wsgi.py', WSGI);
  return folder;
}

const UPGRADE =
  'GET / HTTP/1.1\\r\\nHost: tcplab\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n';

/** @type {Looked[]} */
const OTHER_SERVERS = [
  script(
    'ws',
    'npm:ws@8.23.0',
    'node',
    '.cjs',
    `const server = new (require('ws').WebSocketServer)({ port: 8080 });
server.on('connection', (socket) => socket.on('error', console.error));
`,
    ['--port', '8080', '--request', UPGRADE, '--expect', '101 Switching'],
  ),
  {
    name: 'redis-server',
    ...{ target: 'server', package: 'redis-server', options: ['--port', '6379', '--talk', 'redis'] },
    command: (folder) => `redis-server --dir ${folder} --protected-mode no`,
  },
  {
    ...{ name: 'memcached', target: 'server', package: 'memcached' },
    options: ['--port', '11211', '--request', 'version\\r\\n', '--expect', 'VERSION', '--user', 'memcache'],
    command: () => 'memcached',
  },
  {
    ...{ name: 'PostgreSQL', target: 'server', package: 'postgresql-15' },
    options: ['--port', '5432', '--talk', 'postgres', '--user', 'postgres'],
    command: (folder) => {
      const data = ownFolder(folder, 'postgres', 'postgres');
      const bin = '/usr/lib/postgresql/15/bin';
      const owner = ['--reuid', 'postgres', '--regid', 'postgres', '--clear-groups'];
      built(folder, 'setpriv', ...owner, `${bin}/initdb`, '-D', data, '-A', 'trust');
      file(data, 'pg_hba.conf', 'host all all all trust\n');
      return `${bin}/postgres -D ${data} -k ${data} -h 0.0.0.0`;
    },
  },
  {
    ...{ name: 'MariaDB', target: 'server', package: 'mariadb-server' },
    options: ['--port', '3306', '--talk', 'mysql', '--user', 'mysql'],
    command: (folder) => {
      const data = ownFolder(folder, 'mariadb', 'mysql');
      built(folder, 'mariadb-install-db', '--no-defaults', '--user=mysql', `--datadir=${data}`);
      return `mariadbd --no-defaults --skip-grant-tables --datadir=${data} --socket=${data}/socket --pid-file=${data}/pid`;
    },
  },
  {
    ...{ name: 'mosquitto', target: 'server', package: 'mosquitto' },
    options: ['--port', '1883', '--talk', 'mqtt', '--user', 'mosquitto'],
    command: (folder) =>
      `mosquitto -c ${file(folder, 'mosquitto.conf', 'listener 1883\nallow_anonymous true\n')}`,
  },
  script(
    'aedes',
    'npm:aedes@1.2.0',
    'node',
    '.mjs',
    `import { createServer } from 'node:net';
import { Aedes } from 'aedes';
const broker = await Aedes.createBroker();
createServer(broker.handle).listen(1883);
`,
    ['--port', '1883', '--talk', 'mqtt'],
  ),
  {
    ...{ name: 'sshd', target: 'server', package: 'openssh-server' },
    options: ['--port', '2222', '--talk', 'ssh', '--user', 'nobody'],
    command: (folder) => {
      built(folder, 'ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', 'ssh-key');
      built(folder, 'chmod', '644', 'ssh-key');
      return `/usr/sbin/sshd -D -e -f none -p 2222 -h ${folder}/ssh-key -o PidFile=none`;
    },
  },
  {
    ...{ name: 'OpenSMTPD', target: 'server', package: 'opensmtpd' },
    options: ['--port', '2525', '--talk', 'smtp'],
    command: (folder) =>
      `smtpd -d -f ${file(folder, 'smtpd.conf', 'listen on 0.0.0.0 port 2525\naction "a" maildir "/nonexistent"\nmatch from any for local action "a"\n')}`,
  },
  {
    ...{ name: 'aiosmtpd', target: 'server', package: 'python3-aiosmtpd' },
    options: ['--port', '8025', '--talk', 'smtp'],
    command: () => '/usr/bin/python3 -m aiosmtpd -n -l 0.0.0.0:8025 -c aiosmtpd.handlers.Sink',
  },
  script(
    'smtp-server',
    'npm:smtp-server@3.21.6',
    'node',
    '.cjs',
    `new (require('smtp-server').SMTPServer)({ disabledCommands: ['STARTTLS', 'AUTH'] }).listen(2525);\n`,
    ['--port', '2525', '--talk', 'smtp'],
  ),
  {
    ...{ name: 'vsftpd', target: 'server', package: 'vsftpd' },
    options: ['--port', '2121', '--greeting', '220', '--request', 'USER tcplab\\r\\n', '--expect', '331'],
    command: (folder) => {
      mkdirSync(join(folder, 'empty'), { recursive: true });
      const configuration = `listen=YES
listen_port=2121
background=NO
local_enable=YES
anonymous_enable=NO
secure_chroot_dir=${folder}/empty
`;
      return `vsftpd ${file(folder, 'vsftpd.conf', configuration)}`;
    },
  },
  {
    ...{ name: 'nats-server', target: 'server', package: 'nats-server' },
    options: [
      ...['--port', '4222', '--greeting', 'INFO'],
      ...['--request', 'CONNECT {"verbose":false}\\r\\nPING\\r\\n', '--expect', 'PONG'],
    ],
    command: () => 'nats-server',
  },
  {
    ...{ name: 'beanstalkd', target: 'server', package: 'beanstalkd' },
    options: ['--port', '11300', '--request', 'list-tubes\\r\\n', '--expect', 'default'],
    command: () => 'beanstalkd',
  },
];

/** Each with the shortest possible configuration. */
export const SERVERS = [...WEB_SERVERS, ...OTHER_SERVERS];
