import { built, file } from './checked-programs-files.mjs';

/** @typedef {import('./checked-programs-files.mjs').Looked} Looked */

const URL = 'http://{name}:{port}/';

/**
 * @param {string} name
 * @param {string} from the package
 * @param {string} command
 * @param {string[]} [options]
 * @returns {Looked}
 */
function command(name, from, command, options = []) {
  return { name, target: 'client', package: from, options, command: () => command };
}

/**
 * A client whose program is a file. It gets the URL, or the host and the port.
 * @param {string} name
 * @param {string} from the package
 * @param {'node' | '/usr/bin/python3'} interpreter
 * @param {string} text
 * @param {string[]} [options]
 * @returns {Looked}
 */
function script(name, from, interpreter, text, options = []) {
  const own = `client-${name.replace(/\W+/g, '-')}${interpreter === 'node' ? '.mjs' : '.py'}`;
  const args = options.length === 0 ? URL : '{name} {port}';
  return {
    ...{ name, target: 'client', package: from, options },
    command: (folder) => `${interpreter} ${file(folder, own, text)} ${args}`,
  };
}

/** Two requests, one after the other, so that a pool uses its connection again. */
const TWICE = 'for (let time = 0; time < 2; time++)';

/** @type {Looked[]} */
const COMMANDS = [
  command('curl', 'curl', `curl -sS ${URL}`),
  command('wget', 'wget', `wget -nv -O - ${URL}`),
  command('aria2', 'aria2', `aria2c --allow-overwrite -d /tmp -o tcplab-aria2 ${URL}`),
  command('git', 'git', `git ls-remote ${URL}tcplab.git`, [
    '--answer',
    `HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: 57\\r\\n\\r\\n${'0123456789'.repeat(4)}\\trefs/heads/main\\n`,
  ]),
  command('nc', 'netcat-openbsd', "printf 'hello\\n' | nc {name} {port}", ['--answer', 'hello\\n']),
  command(
    'ssh',
    'openssh-client',
    'ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no -p {port} {name} true',
    ['--talk', 'ssh'],
  ),
  command('psql', 'postgresql-client-15', "psql -h {name} -p {port} -U postgres -c 'select 1'", [
    '--talk',
    'postgres',
  ]),
  command('mariadb', 'mariadb-client', "mariadb --no-defaults -h {name} -P {port} -u root -e 'select 1'", [
    '--talk',
    'mysql',
  ]),
  command('redis-cli', 'redis-tools', 'redis-cli -h {name} -p {port} GET a', ['--talk', 'redis']),
  command('mosquitto_sub', 'mosquitto-clients', 'mosquitto_sub -h {name} -p {port} -t a', ['--talk', 'mqtt']),
];

/** @type {Looked[]} */
const LIBRARIES = [
  script(
    "Node's fetch",
    'nodejs',
    'node',
    `${TWICE} console.log((await (await fetch(process.argv[2])).text()).length);\n`,
  ),
  script(
    'undici',
    'npm:undici@7.30.2',
    'node',
    `import { Agent, request } from 'undici';
const dispatcher = new Agent();
${TWICE} {
  const { body } = await request(process.argv[2], { dispatcher });
  console.log((await body.text()).length);
}
await dispatcher.close();
`,
  ),
  script(
    'axios',
    'npm:axios@1.21.1',
    'node',
    `import axios from 'axios';
${TWICE} console.log(String((await axios.get(process.argv[2])).data).length);
`,
  ),
  script(
    'got',
    'npm:got@14.6.6',
    'node',
    `import got from 'got';
${TWICE} console.log((await got(process.argv[2]).text()).length);
`,
  ),
  script(
    'urllib',
    'python3',
    '/usr/bin/python3',
    `import sys, urllib.request

for time in range(2):
    print(len(urllib.request.urlopen(sys.argv[1]).read()))
`,
  ),
  script(
    'requests',
    'python3-requests',
    '/usr/bin/python3',
    `import sys, requests

with requests.Session() as session:
    for time in range(2):
        print(len(session.get(sys.argv[1]).content))
`,
  ),
  script(
    'httpx',
    'python3-httpx',
    '/usr/bin/python3',
    `import sys, httpx

with httpx.Client() as client:
    for time in range(2):
        print(len(client.get(sys.argv[1]).content))
`,
  ),
  script(
    'aiohttp',
    'python3-aiohttp',
    '/usr/bin/python3',
    `import asyncio, sys, aiohttp

async def main():
    async with aiohttp.ClientSession() as session:
        for time in range(2):
            async with session.get(sys.argv[1]) as answer:
                print(len(await answer.read()))

asyncio.run(main())
`,
  ),
  {
    ...{ name: 'Go http.Get', target: 'client', package: 'golang-1.19-go' },
    command: (folder) => {
      const text = `package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	for time := 0; time < 2; time++ {
		answer, err := http.Get(os.Args[1])
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(len(body))
	}
}
`;
      built(folder, 'go', 'build', '-o', 'go-client', file(folder, 'go-client.go', text));
      return `${folder}/go-client ${URL}`;
    },
  },
  {
    ...{ name: 'Java HttpClient', target: 'client', package: 'openjdk-17-jdk-headless' },
    command: (folder) => {
      const text = `import java.net.URI;
import java.net.http.*;

public class JavaClient {
  public static void main(String[] args) throws Exception {
    HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    HttpRequest request = HttpRequest.newBuilder(URI.create(args[0])).build();
    for (int time = 0; time < 2; time++)
      System.out.println(client.send(request, HttpResponse.BodyHandlers.ofString()).body().length());
  }
}
`;
      built(folder, 'javac', file(folder, 'JavaClient.java', text));
      return `java -cp ${folder} JavaClient ${URL}`;
    },
  },
  script(
    'pg',
    'npm:pg@8.23.1',
    'node',
    `import pg from 'pg';
const pool = new pg.Pool({ host: process.argv[2], port: Number(process.argv[3]), user: 'postgres' });
${TWICE} console.log((await pool.query('select 1')).rows.length);
await pool.end();
`,
    ['--talk', 'postgres'],
  ),
  script(
    'psycopg2',
    'python3-psycopg2',
    '/usr/bin/python3',
    `import sys, psycopg2

connection = psycopg2.connect(host=sys.argv[1], port=sys.argv[2], user='postgres')
cursor = connection.cursor()
for time in range(2):
    cursor.execute('select 1')
    print(len(cursor.fetchall()))
connection.close()
`,
    ['--talk', 'postgres'],
  ),
  script(
    'mysql2',
    'npm:mysql2@3.24.6',
    'node',
    `import mysql from 'mysql2/promise';
const pool = mysql.createPool({ host: process.argv[2], port: Number(process.argv[3]), user: 'root' });
${TWICE} console.log((await pool.query('select 1'))[0].length);
await pool.end();
`,
    ['--talk', 'mysql'],
  ),
  script(
    'mariadb (npm)',
    'npm:mariadb@3.5.4',
    'node',
    `import mariadb from 'mariadb';
const pool = mariadb.createPool({ host: process.argv[2], port: Number(process.argv[3]), user: 'root', connectionLimit: 1 });
${TWICE} console.log((await pool.query('select 1')).length);
await pool.end();
`,
    ['--talk', 'mysql'],
  ),
  script(
    'PyMySQL',
    'python3-pymysql',
    '/usr/bin/python3',
    `import sys, pymysql

connection = pymysql.connect(host=sys.argv[1], port=int(sys.argv[2]), user='root')
cursor = connection.cursor()
for time in range(2):
    cursor.execute('select 1')
    print(len(cursor.fetchall()))
connection.close()
`,
    ['--talk', 'mysql'],
  ),
  script(
    'ioredis',
    'npm:ioredis@6.0.0',
    'node',
    `import { Redis } from 'ioredis';
const redis = new Redis({ host: process.argv[2], port: Number(process.argv[3]) });
redis.on('error', (error) => console.error(error.message));
${TWICE} console.log((await redis.get('a')).length);
await redis.quit();
`,
    ['--talk', 'redis'],
  ),
  script(
    'redis (npm)',
    'npm:redis@6.3.1',
    'node',
    `import { createClient } from 'redis';
const redis = createClient({ url: \`redis://\${process.argv[2]}:\${process.argv[3]}\` });
redis.on('error', (error) => console.error(error.message));
await redis.connect();
${TWICE} console.log((await redis.get('a')).length);
await redis.close();
`,
    ['--talk', 'redis'],
  ),
  script(
    'mqtt',
    'npm:mqtt@5.16.0',
    'node',
    `import mqtt from 'mqtt';
const client = await mqtt.connectAsync(\`mqtt://\${process.argv[2]}:\${process.argv[3]}\`);
${TWICE} await client.publishAsync('a', 'hello', { qos: 1 });
await client.endAsync();
`,
    ['--talk', 'mqtt'],
  ),
  script(
    'nodemailer',
    'npm:nodemailer@10.6.1',
    'node',
    `import { createTransport } from 'nodemailer';
const transport = createTransport({ host: process.argv[2], port: Number(process.argv[3]), pool: true, maxConnections: 1 });
${TWICE} console.log((await transport.sendMail({ from: 'a@example.org', to: 'b@example.org', text: 'hello' })).response);
transport.close();
`,
    ['--talk', 'smtp'],
  ),
];

/** Each with its defaults. */
export const CLIENTS = [...COMMANDS, ...LIBRARIES];
