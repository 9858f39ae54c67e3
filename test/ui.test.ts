import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { connect as connectTo, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setLoopbackUp } from '../src/kernel/rtnetlink.ts';
import { readTimeline } from '../src/report/files/timeline/read.ts';
import type { ActRequest, LabMessage } from '../src/ui/model.ts';
import { UiServer } from '../src/ui/server.ts';
import { withNews } from '../src/web/news.ts';
import { eventually, IS_ROOT, Program, REPOSITORY, run, TCPLAB, tcplabAsOrdinaryUser } from './cli.ts';

/** The live page's server, by what it answers; what a browser makes of it is in ui-page.test.ts. */

const WEB = join(REPOSITORY, 'dist/web');

// As an ordinary user the tests are in a network of their own.
beforeAll(() => {
  if (!IS_ROOT) setLoopbackUp();
});

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
}

interface Asked {
  /** The address that is connected to. */
  host?: string;
  method?: string;
  path?: string;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer;
}

function ask(
  ui: { port: number },
  { host = '127.0.0.1', method = 'GET', path = '/', headers = {}, body }: Asked,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host, port: ui.port, method, path, headers, agent: false };
    const sent = httpRequest(options, async (response) => {
      let text = '';
      for await (const part of response.setEncoding('utf8')) text += part;
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function withToken(ui: { token: string }, headers: OutgoingHttpHeaders = {}): OutgoingHttpHeaders {
  return { Authorization: `Bearer ${ui.token}`, ...headers };
}

/** As the page asks. */
async function call(ui: UiServer, method: string, path: string, value?: unknown): Promise<Answer> {
  const headers = withToken(ui, value === undefined ? {} : { 'Content-Type': 'application/json' });
  return ask(ui, { method, path, headers, ...(value === undefined ? {} : { body: JSON.stringify(value) }) });
}

async function create(ui: UiServer, state: string, replaces: string | null = null): Promise<LabMessage> {
  const { status, body } = await call(ui, 'POST', '/api/labs', { state, replaces });
  expect(status, body).toBe(201);
  return JSON.parse(body) as LabMessage;
}

async function act(ui: UiServer, lab: LabMessage, request: ActRequest): Promise<LabMessage> {
  const { status, body } = await call(ui, 'POST', `/api/labs/${lab.id}/acts`, request);
  expect(status, body).toBe(200);
  return JSON.parse(body) as LabMessage;
}

interface Stream {
  response: IncomingMessage;
  messages: LabMessage[];
  text: () => string;
  close: () => void;
}

/** From the beginning, or from the message that was the last. */
function follow(ui: UiServer, id: string, before?: LabMessage): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const path = `/api/labs/${id}/events`;
    const headers = withToken(ui, before ? { 'Last-Event-ID': String(before.revision) } : {});
    const options = { host: '127.0.0.1', port: ui.port, path, headers, agent: false };
    const sent = httpRequest(options, (response) => {
      let text = '';
      const messages: LabMessage[] = [];
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        const whole = text.split('\n\n').slice(0, -1);
        for (const event of whole.slice(messages.length)) {
          const data = event.split('\n').find((line) => line.startsWith('data: '));
          if (data !== undefined && !event.startsWith('event: over')) {
            const next: LabMessage = JSON.parse(data.slice(6));
            const last = messages.at(-1) ?? before;
            messages.push(last ? withNews(last, next) : next);
          }
        }
      });
      response.on('error', () => {});
      resolve({ response, messages, text: () => text, close: () => sent.destroy() });
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** What went over the wire, to the last byte, and what came back until the other side closed. */
async function raw(port: number, text: string): Promise<{ socket: Socket; answer: Promise<string> }> {
  const socket = connectTo({ host: '127.0.0.1', port });
  let answer = '';
  socket.setEncoding('utf8').on('data', (part: string) => {
    answer += part;
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(text);
  return { socket, answer: new Promise((resolve) => socket.once('close', () => resolve(answer))) };
}

describe('who gets in', () => {
  let ui: UiServer;
  let lab: LabMessage;
  beforeAll(async () => {
    ui = await UiServer.start({ webFolder: WEB, maxLabs: 2 });
    lab = await create(ui, 'ESTABLISHED');
  });
  afterAll(() => ui[Symbol.asyncDispose]());

  /** Nothing that was refused has changed anything, and who may, still gets in. */
  async function expectUnchanged(): Promise<void> {
    const now = await call(ui, 'GET', `/api/labs/${lab.id}`);
    expect(now.status).toBe(200);
    // On a busy machine the kernel may lose an event, and the view says so.
    const { notes: _, ...view } = (JSON.parse(now.body) as LabMessage).view;
    const { notes: __, ...before } = lab.view;
    expect(view).toEqual(before);
    expect(ui.labs.count).toBe(1);
  }

  const json = { 'Content-Type': 'application/json' };
  const close = () => JSON.stringify({ act: 'close', host: 'client', socket: 1 });
  const paths = () => [
    { method: 'POST', path: '/api/labs', body: JSON.stringify({ state: 'LISTEN', replaces: null }) },
    { method: 'POST', path: `/api/labs/${lab.id}/acts`, body: close() },
    { method: 'GET', path: `/api/labs/${lab.id}` },
    { method: 'GET', path: `/api/labs/${lab.id}/events` },
    { method: 'GET', path: `/api/labs/${lab.id}/downloads/timeline.ndjson` },
    { method: 'DELETE', path: `/api/labs/${lab.id}` },
  ];

  it('refuses a missing or a wrong token', async () => {
    const token = ui.token;
    const wrong: OutgoingHttpHeaders[] = [
      {},
      { Authorization: '' },
      { Authorization: token },
      { Authorization: 'Bearer ' },
      { Authorization: `Bearer ${token.slice(0, -1)}` },
      { Authorization: `Bearer ${token}x` },
      { Authorization: `bearer  ${token}` },
      { Authorization: `Basic ${Buffer.from(token).toString('base64')}` },
      { Cookie: `token=${token}` },
      { 'X-Token': token },
    ];
    for (const one of paths()) {
      for (const headers of wrong) {
        const { status, body } = await ask(ui, { ...one, headers: { ...json, ...headers } });
        expect([status, JSON.parse(body)], `${one.path} ${JSON.stringify(headers)}`).toEqual([
          401,
          { error: expect.stringContaining('token') },
        ]);
      }
      // Neither in a query, nor as a path.
      expect((await ask(ui, { ...one, path: `${one.path}?token=${token}`, headers: json })).status).toBe(401);
    }
    await expectUnchanged();
  });

  it('refuses a foreign Host, Origin or site, even with the token', async () => {
    const foreign: OutgoingHttpHeaders[] = [
      { Host: 'example.com' },
      { Host: `example.com:${ui.port}` },
      { Host: '127.0.0.1' },
      { Host: `127.0.0.1:${ui.port + 1}` },
      { Host: `127.0.0.1.example.com:${ui.port}` },
      { Host: `localhost.example.com:${ui.port}` },
      { Origin: 'http://example.com' },
      { Origin: 'null' },
      { Origin: `https://127.0.0.1:${ui.port}` },
      { Origin: `http://127.0.0.1:${ui.port + 1}` },
      { Origin: `http://localhost:${ui.port}` },
      { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site' },
    ];
    for (const one of [...paths(), { method: 'GET', path: '/' }, { method: 'GET', path: '/live.js' }]) {
      for (const headers of foreign) {
        const answer = await ask(ui, { ...one, headers: withToken(ui, { ...json, ...headers }) });
        expect(answer.status, `${one.path} ${JSON.stringify(headers)}`).toBe(403);
      }
    }
    const own = `Host: 127.0.0.1:${ui.port}\r\n`;
    for (const [version, hosts] of [
      ['1.1', `${own}Host: example.com\r\n`],
      ['1.1', 'Host: \r\n'],
      ['1.1', ''],
      ['1.0', ''],
    ]) {
      const { answer } = await raw(ui.port, `GET / HTTP/${version}\r\n${hosts}Connection: close\r\n\r\n`);
      expect(await answer, hosts).toMatch(/^HTTP\/1.1 40[03] /);
    }
    await expectUnchanged();
  });

  it.each<
    [
      string,
      { address?: string; publicHost?: string },
      (port: number) => string[],
      (port: number) => string[],
    ]
  >([
    [
      'a wildcard address takes the names of the loopback alone',
      { address: '0.0.0.0' },
      (port) => [`127.0.0.1:${port}`, `localhost:${port}`],
      (port) => [`0.0.0.0:${port}`, `192.168.2.10:${port}`, `127.0.0.2:${port}`, `127.0.0.1:${port + 1}`],
    ],
    [
      'another address takes no name',
      { address: '127.0.0.2' },
      (port) => [`127.0.0.2:${port}`],
      (port) => [`127.0.0.1:${port}`, `localhost:${port}`, `rebound.example:${port}`],
    ],
    [
      'a named host takes nothing else',
      { address: '0.0.0.0', publicHost: 'lab.example' },
      (port) => [`lab.example:${port}`],
      (port) => [
        `127.0.0.1:${port}`,
        `localhost:${port}`,
        'lab.example',
        `x.lab.example:${port}`,
        `lab.example.:${port}`,
      ],
    ],
    [
      'a named port takes no other',
      { address: '0.0.0.0', publicHost: 'localhost:9000' },
      () => ['localhost:9000'],
      (port) => [`localhost:${port}`, '127.0.0.1:9000', `127.0.0.1:${port}`],
    ],
    [
      'the scheme has port 80',
      { address: '0.0.0.0', publicHost: 'lab.example:80' },
      () => ['lab.example'],
      () => ['lab.example:80'],
    ],
  ])('accepts the Host and Origin of the page address alone: %s', async (_what, options, right, wrong) => {
    await using page = await UiServer.start({ webFolder: WEB, ...options });
    const host = options.address === '127.0.0.2' ? '127.0.0.2' : '127.0.0.1';
    const status = async (headers: OutgoingHttpHeaders, path = '/') =>
      (await ask(page, { host, path, headers })).status;
    for (const name of right(page.port)) {
      expect(await status({ Host: name }), name).toBe(200);
      expect(await status({ Host: name, Origin: `http://${name}` }), name).toBe(200);
      expect(await status({ Host: name, Origin: 'http://rebound.example' }), name).toBe(403);
      expect(await status({ Host: name, 'Sec-Fetch-Site': 'same-site' }), name).toBe(403);
      // A known Host does not stand in for the token.
      expect(await status({ Host: name }, '/api/labs/x'), name).toBe(401);
      expect(await status(withToken(page, { Host: name }), '/api/labs/x'), name).toBe(404);
    }
    for (const name of wrong(page.port)) {
      expect(await status(withToken(page, { Host: name, Origin: `http://${name}` })), name).toBe(403);
    }
    expect(page.url).toBe(`http://${right(page.port)[0]}/#${page.token}`);
  });

  it('rejects bodies that are not its requests', async () => {
    const path = `/api/labs/${lab.id}/acts`;
    const bad = [
      ...['', '{', 'null', '[]', '"close"', '1', '{}', '\u0000', '{"act":"close"}', '{"act":"explode"}'],
      '{"act":"toString"}',
      '{"act":"__proto__"}',
      '{"__proto__":{"act":"close"},"host":"client","socket":1}',
      ...[
        { act: 'close', host: 'moon', socket: 1 },
        { act: 'close', host: 'client', socket: '1' },
        { act: 'close', host: 'client', socket: -1 },
        { act: 'close', host: 'client', socket: 1.5 },
        { act: 'close', host: 'client', socket: 1e99 },
        { act: 'close', host: 'client', socket: 1, more: true },
        { act: 'close', host: ['client'], socket: 1 },
        { act: 'send', host: 'client', socket: 1 },
        { act: 'send', host: 'client', socket: 1, octets: 1e9 },
        { act: 'send', host: 'client', socket: 1, octets: 0 },
        { act: 'connect', host: 'server' },
        { act: 'set-rule', host: 'client', hook: 'in', flags: 'S; flush ruleset', fate: 'drop' },
        { act: 'set-rule', host: 'client', hook: 'in', flags: 'SS', fate: 'drop' },
        { act: 'set-rule', host: 'client', hook: 'forward', flags: '', fate: 'drop' },
        { act: 'set-rule', host: 'client', hook: 'in', flags: '', fate: 'accept' },
        { act: 'set-rule', host: 'client', hook: 'in', flags: '', fate: 'drop; add table inet evil' },
        { act: 'lift-rule', host: 'client', rule: 'all' },
        { act: 'destroy', host: 'client', local: '$(reboot)', remote: '' },
        { act: 'run', host: 'client', command: 7 },
      ].map((value) => JSON.stringify(value)),
      Buffer.from([0xff, 0xfe, 0x7b, 0x7d]),
      '['.repeat(16_000),
    ];
    for (const body of bad) {
      const answer = await ask(ui, { method: 'POST', path, headers: withToken(ui, json), body });
      expect(answer.status, String(body)).toBe(400);
      expect((JSON.parse(answer.body) as { error: string }).error).toMatch(/expected|missing|unknown name/);
    }
    const states = ['', 'listen', 'OPEN', 1, null, ['LISTEN'], { toString: 'LISTEN' }];
    for (const state of states) {
      expect((await call(ui, 'POST', '/api/labs', { state, replaces: null })).status).toBe(400);
    }
    for (const type of ['', 'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      const headers = withToken(ui, type === '' ? {} : { 'Content-Type': type });
      expect((await ask(ui, { method: 'POST', path, headers, body: close() })).status).toBe(415);
    }
    for (const length of [16 * 1024 + 1, 100_000, 1_000_000]) {
      const answer = await ask(ui, {
        method: 'POST',
        path,
        headers: withToken(ui, json),
        body: ' '.repeat(length),
      });
      expect(answer.status).toBe(413);
    }
    await expectUnchanged();
  });

  it('does not do what is well said but not possible: 409, with the reason', async () => {
    const impossible: ActRequest[] = [
      { act: 'close', host: 'client', socket: 99 },
      { act: 'accept', host: 'server', socket: 99 },
      { act: 'lift-rule', host: 'client', rule: 99 },
      { act: 'destroy', host: 'client', local: '10.0.0.1:1', remote: '10.0.0.2:2' },
    ];
    for (const request of impossible) {
      const { status, body } = await call(ui, 'POST', `/api/labs/${lab.id}/acts`, request);
      expect([status, JSON.parse(body)]).toEqual([409, { error: expect.stringMatching(/has no/) }]);
    }
    const run = { act: 'run', host: 'client', command: 'true' } as const;
    const { status, body } = await call(ui, 'POST', `/api/labs/${lab.id}/acts`, run);
    expect([status, body]).toEqual([403, expect.stringContaining('--allow-programs')]);
  });

  it('gives no other files, and knows no other methods', async () => {
    const up = ['../package.json', '..%2fpackage.json', '%2e%2e/package.json', '....//package.json'];
    const elsewhere = [
      ...up.flatMap((path) => [`/${path}`, `/web/${path}`, `/api/labs/${path}`, `/${path}%00.js`]),
      ...[
        '/etc/passwd',
        '//etc/passwd',
        '/file:///etc/passwd',
        '/live.ts',
        '/live.js/',
        '/LIVE.JS',
        '/.built',
      ],
      ...[
        '/api',
        '/api/',
        '/api/labs/',
        '/api/labs/x',
        '/api/labs/x/acts',
        '/api/labs/x/events',
        '/api/labs/__proto__',
      ],
      ...['..%2f..%2fetc', 'report.exe', 'timeline.ndjson.', 'toString', 'constructor'].map(
        (name) => `/api/labs/${lab.id}/downloads/${name}`,
      ),
      'http://example.com/live.js',
    ];
    for (const path of elsewhere) {
      const method = path.endsWith('acts') ? 'POST' : 'GET';
      const answer = await ask(ui, { method, path, headers: withToken(ui, json) });
      expect(answer.status, path).toBe(404);
    }
    for (const method of ['PUT', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'DELETE', 'POST']) {
      expect((await ask(ui, { method, path: '/', headers: withToken(ui) })).status, method).toBe(405);
    }
    for (const method of ['PUT', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'POST', 'HEAD']) {
      const answer = await ask(ui, { method, path: `/api/labs/${lab.id}`, headers: withToken(ui) });
      expect([answer.status, answer.headers['allow']], method).toEqual([405, 'GET, DELETE']);
    }
    for (const id of ['-1', '1e3', 'x', '9'.repeat(99)]) {
      const headers = withToken(ui, { 'Last-Event-ID': id });
      expect((await ask(ui, { path: `/api/labs/${lab.id}/events`, headers })).status).toBe(400);
    }
    await expectUnchanged();
  });

  it('survives input that is not HTTP, and does not wait for slow clients', async () => {
    const head = `Host: 127.0.0.1:${ui.port}\r\nAuthorization: Bearer ${ui.token}\r\n`;
    const broken = [
      'nonsense\r\n\r\n',
      '\u0016\u0003\u0001\u0002\u0000\u0001\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'GET / HTTP/1.1\r\n\r\n',
      `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n${head}\r\n`,
      `GET / HTTP/1.1\r\n${head}X: ${'x'.repeat(20_000)}\r\n\r\n`,
      `POST /api/labs HTTP/1.1\r\n${head}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `POST /api/labs HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: -1\r\n\r\n`,
      `CONNECT example.com:443 HTTP/1.1\r\n${head}\r\n`,
    ];
    for (const text of broken) {
      expect(await (await raw(ui.port, text)).answer, text.slice(0, 40)).toMatch(/^$|^HTTP\/1.1 4\d\d /);
    }
    const slow = await Promise.all([
      raw(ui.port, ''),
      raw(ui.port, 'GET / HTTP/1.1\r\nHost: '),
      raw(
        ui.port,
        `POST /api/labs HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
      ),
    ]);
    const startMs = performance.now();
    const answers = await Promise.all(slow.map(({ answer }) => answer));
    expect(performance.now() - startMs).toBeLessThan(15_000);
    for (const answer of answers) expect(answer).toMatch(/^$|^HTTP\/1.1 408 /);
    await expectUnchanged();
  });

  it('serves so many streams and no more, and ends with none of them', async () => {
    const streams = await Promise.all(Array.from({ length: 1000 }, () => follow(ui, lab.id)));
    const statuses = streams.map(({ response }) => response.statusCode);
    expect(statuses.filter((status) => status === 200)).toHaveLength(8);
    expect(statuses.filter((status) => status === 503)).toHaveLength(992);
    await expectUnchanged();
    for (const { close } of streams) close();
    await eventually('all streams closed', () => ui.streams.count === 0);
  });

  it('opens so many labs and no more', async () => {
    const stream = await follow(ui, lab.id);
    const second = await create(ui, 'LISTEN');
    const third = await call(ui, 'POST', '/api/labs', { state: 'LISTEN', replaces: null });
    expect([third.status, third.body]).toEqual([429, expect.stringContaining('2 labs are already open')]);
    const instead = await create(ui, 'SYN-SENT', second.id);
    await eventually('the lab that it replaces over', () => ui.labs.count === 2);
    expect((await call(ui, 'GET', `/api/labs/${second.id}`)).status).toBe(404);
    expect((await call(ui, 'DELETE', `/api/labs/${instead.id}`)).status).toBe(204);
    expect((await call(ui, 'DELETE', `/api/labs/${instead.id}`)).status).toBe(404);
    stream.close();
    await expectUnchanged();
  });

  it('gives the page with headers that let nothing else in, and says the token nowhere', async () => {
    for (const path of ['/', '/live.js', '/style.css', '/api/labs']) {
      const { headers, body } = await ask(ui, { path });
      expect(headers['content-security-policy'], path).toContain("default-src 'none'");
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
      });
      expect(Object.keys(headers).filter((name) => /^access-control|^set-cookie/.test(name))).toEqual([]);
      expect(body).not.toContain(ui.token);
    }
    expect(ui.url).toBe(`http://127.0.0.1:${ui.port}/#${ui.token}`);
    expect(Buffer.from(ui.token, 'base64url').length * 8).toBeGreaterThanOrEqual(128);
  });
});

describe('a lab by its API', () => {
  let ui: UiServer;
  beforeAll(async () => {
    ui = await UiServer.start({ webFolder: WEB, unwatchedMs: 400, allowPrograms: true });
  });
  afterAll(() => ui[Symbol.asyncDispose]());

  it('tells what is new as it happens, and who comes back gets what was missed', async () => {
    const lab = await create(ui, 'ESTABLISHED');
    const one = await follow(ui, lab.id, lab);
    const other = await follow(ui, lab.id);
    await eventually('the present, for who knows nothing', () => other.messages.length === 1);
    // A verdict may have become possible meanwhile; of what happened, nothing is new.
    for (const { view } of one.messages) expect(view).toEqual(lab.view);
    await act(ui, lab, { act: 'shutdown', host: 'client', socket: 1 });
    const isDown = (view: LabMessage['view']) => view.changes.at(-1)?.to === 'FIN-WAIT-2';
    await eventually('the client in FIN-WAIT-2', () => one.messages.some(({ view }) => isDown(view)));
    const last = one.messages.at(-1);
    one.close();
    await act(ui, lab, { act: 'send', host: 'server', socket: 2, octets: 7 });
    const again = await follow(ui, lab.id, last);
    await eventually('what was missed', () => again.messages.length > 0);
    expect(again.messages[0]?.view.acts.map(({ text }) => text)).toContain('send(7)');
    expect(again.messages[0]?.view.verdict).toEqual({ word: 'proven', because: null });
    again.close();
    other.close();
  });

  it('ends a lab that nobody watches any more, and no other', async () => {
    const [left, watched] = [await create(ui, 'LISTEN'), await create(ui, 'ESTABLISHED')];
    const stream = await follow(ui, watched.id);
    const before = await follow(ui, left.id);
    before.close();
    await eventually(
      'the lab over',
      async () => (await call(ui, 'GET', `/api/labs/${left.id}`)).status === 404,
    );
    expect((await call(ui, 'GET', `/api/labs/${watched.id}`)).status).toBe(200);
    await call(ui, 'DELETE', `/api/labs/${watched.id}`);
    await eventually('word of its end', () => stream.text().includes('event: over'));
  });

  it('ends the lab that nobody has watched for the longest, where there is no room for another one', async () => {
    await using small = await UiServer.start({ webFolder: WEB, maxLabs: 2 });
    const [first, second] = [await create(small, 'LISTEN'), await create(small, 'LISTEN')];
    for (const lab of [second, first]) (await follow(small, lab.id)).close();
    await eventually('nobody', () => small.streams.count === 0);
    const third = await create(small, 'SYN-SENT');
    const { labs } = JSON.parse((await call(small, 'GET', '/api/labs')).body) as { labs: string[] };
    expect(labs).toEqual([third.id, expect.stringMatching(`^(${first.id}|${second.id})$`)]);
    // What happened in the other one can still be saved.
    const gone = labs.includes(first.id) ? second : first;
    expect((await call(small, 'GET', `/api/labs/${gone.id}`)).status).toBe(404);
    const saved = await call(small, 'GET', `/api/labs/${gone.id}/downloads/timeline.ndjson`);
    expect(saved.status).toBe(200);
  });

  it('saves a timeline that replay reads, packets that tshark reads, and the commands', async () => {
    const lab = await create(ui, 'FIN-WAIT-1');
    const stream = await follow(ui, lab.id);
    await act(ui, lab, { act: 'set-rule', host: 'client', hook: 'in', flags: 'R', fate: 'drop' });
    const saved = async (name: string) =>
      (await call(ui, 'GET', `/api/labs/${lab.id}/downloads/${name}`)).body;
    const timeline = await saved('timeline.ndjson');
    const pieces: unknown[] = [];
    for await (const piece of readTimeline(chunks(timeline), 'saved')) pieces.push(piece);
    expect(pieces).toHaveLength(3);
    expect(await saved('packets.pcapng')).toContain('FIN-WAIT-1');
    const commands = await saved('commands.txt');
    expect(commands).toContain('tcplab hold fin-wait-1');
    expect(commands).toContain(
      "nft add rule inet tcplab input 'tcp sport 80 tcp flags & (rst) == rst counter drop'",
    );
    stream.close();
  });

  it('runs programs if they are allowed', async () => {
    const lab = await create(ui, 'ESTABLISHED');
    const stream = await follow(ui, lab.id);
    await act(ui, lab, { act: 'run', host: 'server', command: 'exit 3' });
    await eventually('its end on the timeline', () =>
      stream.messages.some(({ view }) => view.acts.some(({ text }) => text === '$ exited: 3')),
    );
    stream.close();
  });
});

describe('tcplab ui', () => {
  it.each([
    ['as it is', () => TCPLAB],
    ['as an ordinary user', () => tcplabAsOrdinaryUser()],
  ])('is reached from outside of its labs, and Ctrl-C leaves nothing, %s', async (_who, command) => {
    const argv = command();
    const program = new Program([...argv, 'ui']);
    await program.until(/Ctrl-C/);
    const [, port = '', token = ''] = /http:\/\/127\.0\.0\.1:(\d+)\/#([\w-]+)/.exec(program.stdout) ?? [];
    const ui = { port: Number(port), token };
    expect((await ask(ui, { path: '/live.js' })).body).toContain('createScene');
    const headers = withToken(ui, { 'Content-Type': 'application/json' });
    const body = JSON.stringify({ state: 'CLOSE-WAIT', replaces: null });
    const created = await ask(ui, { method: 'POST', path: '/api/labs', headers, body });
    expect(created.status, created.body).toBe(201);
    expect((JSON.parse(created.body) as LabMessage).view.verdict?.word).toBe('proven');
    const { id, enterAs } = JSON.parse(created.body) as LabMessage;
    const path = `/api/labs/${id}/downloads/report.html`;
    expect((await ask(ui, { path, headers })).body).toMatch(/^<!doctype html>.*close-wait, 1 of 1 proven/s);
    const table = await run([...argv, 'enter', 'server', '--lab', `${enterAs}`, '--', 'ss', '-tan']);
    expect(table.stdout).toContain('CLOSE-WAIT');
    program.kill('SIGINT');
    expect(await program.ended).toMatchObject({ status: 0, stderr: '' });
    expect(program.offspring()).toEqual([]);
    await expect(ask(ui, {})).rejects.toThrow('ECONNREFUSED');
  });

  it.each([
    ['as root', () => TCPLAB],
    ['as an ordinary user', () => tcplabAsOrdinaryUser()],
  ])('listens on the address that --listen names, %s', async (_who, command) => {
    const program = new Program([...command(), 'ui', '--listen', '0.0.0.0', '--public', 'lab.example']);
    await program.until(/Ctrl-C/);
    const [, port = '', token = ''] = /http:\/\/lab\.example:(\d+)\/#([\w-]+)/.exec(program.stdout) ?? [];
    const ui = { port: Number(port), token };
    const headers = { Host: `lab.example:${port}` };
    expect((await ask(ui, { host: '127.0.0.3', headers })).status).toBe(200);
    expect((await ask(ui, { host: '127.0.0.3' })).status).toBe(403);
    expect((await ask(ui, { path: '/api/labs/x', headers: withToken(ui, headers) })).status).toBe(404);
    program.kill('SIGINT');
    expect(await program.ended).toMatchObject({
      status: 0,
      stderr: `tcplab: the page listens on 0.0.0.0 port ${port} without encryption: only its token protects it\n`,
    });
  });

  it.each([
    [['--listen', 'localhost:8080'], 'Expected an IP address'],
    [['--listen', '127.0.0.1:'], 'Expected an IP address'],
    [['--listen', '256.0.0.1'], 'Expected an IP address'],
    [['--listen', '::1:8080:'], 'Expected an IP address'],
    [['--listen', '[127.0.0.1]:8080'], 'Expected an IP address'],
    [['--listen', ''], 'Expected an IP address'],
    [['--listen', '127.0.0.1:0'], 'Expected a port from 1 to 65535'],
    [['--listen', '127.0.0.1:65536'], 'Expected a port from 1 to 65535'],
    [['--listen', '127.0.0.1:8080', '--port', '8081'], 'cannot be used with'],
    [['--listen', '192.0.2.1:8080'], '192.0.2.1 is not an address of this machine'],
    [['--public', 'http://localhost:8080/'], 'Expected HOST[:PORT]'],
    [['--public', 'user@localhost'], 'Expected HOST[:PORT]'],
    [['--public', ''], 'Expected HOST[:PORT]'],
    [['--public', '*'], 'Expected HOST[:PORT]'],
  ])('rejects %j with status 2', (args, message) => {
    const [node = '', ...words] = [...TCPLAB, 'ui', ...args];
    const { status, stderr, stdout } = spawnSync(node, words, { encoding: 'utf8', timeout: 20_000 });
    expect([status, stderr, stdout]).toEqual([2, expect.stringContaining(message), '']);
  });

  it('says what is wrong with a port', async () => {
    const first = new Program([...TCPLAB, 'ui']);
    await first.until(/Ctrl-C/);
    const port = /127\.0\.0\.1:(\d+)/.exec(first.stdout)?.[1] ?? '';
    const [node = '', ...args] = [...TCPLAB, 'ui', '--port', port];
    const { status, stderr } = spawnSync(node, args, { encoding: 'utf8' });
    expect([status, stderr]).toEqual([2, expect.stringContaining(`port ${port} is in use on 127.0.0.1`)]);
    first.kill('SIGTERM');
    await first.ended;
  });
});

async function* chunks(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
