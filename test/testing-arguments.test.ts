import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CATALOGUE,
  findScenarios,
  type Host,
  judge,
  Lab,
  parseState,
  passages,
  resultOf,
  runScenario,
  TcplabError,
  Timeline,
} from '../src/index.ts';
import {
  assertState,
  createLab,
  type Listener,
  type TestConnection,
  type TestLab,
} from '../src/testing/index.ts';
import '../src/testing/vitest.ts';

/** What JavaScript lets through and the types forbid: every case is a TcplabError, and nothing happens. */

/** As JavaScript sees it: without types. */
// biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose
type Untyped = any;

type Case = [call: string, run: () => unknown, message: RegExp];

async function refusal(call: () => unknown): Promise<TcplabError> {
  try {
    await call();
  } catch (error) {
    if (error instanceof TcplabError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

function refuses(cases: readonly Case[], unchanged: () => unknown = () => 0): void {
  it.each(cases)('refuses %s', async (_, call, message) => {
    const before = unchanged();
    const { code, message: text } = await refusal(call);
    expect(text).toMatch(message);
    expect(code).toBe('USAGE');
    expect(unchanged()).toEqual(before);
  });
}

describe('createLab()', () => {
  const open = (options: Untyped) => createLab(options);
  refuses([
    [
      'another firewall',
      () => open({ firewall: 'pf' }),
      /options\.firewall: expected "nft" or "iptables", found "pf"/,
    ],
    [
      'port 0',
      () => open({ serverPort: 0 }),
      /options\.serverPort: expected a whole number from 1 to 65535, found 0/,
    ],
    ['port 65536', () => open({ serverPort: 65_536 }), /found 65536/],
    ['a port as text', () => open({ serverPort: '8080' }), /found "8080"/],
    ['NaN as a port', () => open({ serverPort: Number.NaN }), /found NaN/],
    [
      'an unknown option',
      () => open({ ipv5: true }),
      /options\.ipv5: unknown name; the names here are ipv6, firewall/,
    ],
    ['text for true', () => open({ ipv6: 'yes' }), /options\.ipv6: expected true or false, found "yes"/],
    ['one host of two', () => open({ places: { client: 'local' } }), /options\.places\.server is missing/],
    ['an empty folder', () => open({ keep: '' }), /options\.keep: expected a text that is not empty/],
    ['null', () => open(null), /createLab\(\) options: expected an object, found null/],
    ['a number', () => open(8080), /found 8080/],
  ]);

  it('takes undefined for an option that is not given', async () => {
    await using lab = await open({
      ipv6: undefined,
      firewall: undefined,
      serverPort: undefined,
      keep: undefined,
    });
    expect(lab.serverPort).toBe(80);
  });
});

describe('a lab', () => {
  let lab: TestLab;
  let connection: TestConnection;
  let listener: Listener;
  const js = () => lab as Untyped;
  const end = () => connection.client as Untyped;
  const within = (value: unknown) => ({ within: value }) as Untyped;

  beforeAll(async () => {
    lab = await createLab();
    listener = await lab.server.listen();
    connection = await lab.connected();
  });
  afterAll(() => lab.close());

  refuses(
    [
      // Each of these set a rule for what the host sends.
      [
        'a direction',
        () => js().server.drop({ direction: 'sideways' }),
        /drop\(\) options\.direction: expected "in" or "out", found "sideways"/,
      ],
      ['a hook', () => js().server.drop({ hook: 'in' }), /options\.hook: unknown name/],
      // This one passed everything, and the ladder drew a drop.
      [
        'a rejection',
        () => js().server.reject({ with: 'nope' }),
        /reject\(\) options\.with: expected "rst" or .*, found "nope"/,
      ],
      ['drop() with a rejection', () => js().server.drop({ with: 'rst' }), /options\.with: unknown name/],
      [
        'flags in words',
        () => lab.server.drop({ flags: 'SYN,FIN' }),
        /options\.flags: expected flags in tcpdump's letters.*found "SYN,FIN"/,
      ],
      ['no flags', () => lab.server.drop({ flags: '' }), /options\.flags/],
      ['lower-case flags', () => lab.server.drop({ flags: 's' }), /options\.flags/],
      ['a source port', () => lab.server.drop({ sourcePort: -1 }), /options\.sourcePort/],
      [
        'a destination port',
        () => js().server.drop({ destinationPort: '80' }),
        /options\.destinationPort: .*found "80"/,
      ],
      ['flags as options', () => js().server.drop('S'), /drop\(\) options: expected an object, found "S"/],
      [
        'a port for connect()',
        () => lab.client.connect({ port: 70_000 }),
        /connect\(\) options\.port: .*found 70000/,
      ],
      [
        'a number for connect()',
        () => js().client.connect(80),
        /connect\(\) options: expected an object, found 80/,
      ],
      ['a local port', () => lab.client.connect({ localPort: 0 }), /options\.localPort/],
      [
        'a fraction as a port',
        () => lab.server.listen({ port: 80.5 }),
        /listen\(\) options\.port: .*found 80\.5/,
      ],
      [
        'a negative backlog',
        () => lab.server.listen({ backlog: -1 }),
        /options\.backlog: expected a whole number from 0/,
      ],
      [
        'a negative time',
        () => listener.accept(within(-1)),
        /accept\(\) options\.within: expected milliseconds, 0 or more, found -1/,
      ],
      ['NaN as a time', () => listener.accept(within(Number.NaN)), /found NaN/],
      [
        'a duration as text',
        () => lab.nextConnection(within('5s')),
        /nextConnection\(\) options\.within: .*found "5s"/,
      ],
      [
        'a timeout',
        () => js().nextConnection({ timeout: 5 }),
        /options\.timeout: unknown name; the names here are within, port/,
      ],
      ['a port for connected()', () => lab.connected({ port: 0 }), /connected\(\) options\.port/],
      [
        'no socket',
        () => js().connectionOf(undefined),
        /connectionOf\(\) socket: expected a net\.Socket, found nothing/,
      ],
      [
        'a promise of a socket',
        () => js().connectionOf(Promise.resolve(new net.Socket())),
        /found a Promise/,
      ],
      ['an object for a socket', () => lab.connectionOf({}), /expected a net\.Socket, found an object/],
      ['no command', () => js().server.start(), /start\(\) command: expected a command/],
      ['an empty command', () => lab.server.start(' '), /start\(\) command: expected a command/],
      ['an empty list', () => lab.server.start([]), /start\(\) command\[0\]/],
      [
        'words that are none',
        () => js().server.start(['sleep', 1]),
        /start\(\) command\[1\]: expected text.*found 1/,
      ],
      ['a port of a program', () => js().server.start('true', { port: 'http' }), /start\(\) options\.port/],
      [
        'the cwd of node:child_process',
        () => js().server.start('true', { cwd: '/' }),
        /options\.cwd: unknown name; .*directory/,
      ],
      [
        'an environment',
        () => js().server.start('true', { environment: ['A=1'] }),
        /options\.environment: expected an object/,
      ],
      [
        'work that is a promise',
        () => js().client.run(fetchNothing()),
        /run\(\) work: expected a function, found a Promise/,
      ],
      [
        'a sysctl of the machine',
        () => lab.client.writeSysctl('kernel.panic', 0),
        /writeSysctl\(\) name: expected a sysctl such as net\./,
      ],
      ['a path as a sysctl', () => lab.client.readSysctl('net/../kernel/panic'), /readSysctl\(\) name/],
      [
        'the value of a sysctl',
        () => js().client.writeSysctl('net.ipv4.tcp_syn_retries', true),
        /writeSysctl\(\) value: .*found true/,
      ],
      [
        'data',
        () => end().send({ hello: 1 }),
        /send\(\) data: expected text, a Buffer or a Uint8Array, found an object/,
      ],
      [
        'a time for send()',
        () => connection.client.send('x', within(null)),
        /send\(\) options\.within: .*found null/,
      ],
      [
        'a time for receive()',
        () => end().receive(1000),
        /receive\(\) options: expected an object, found 1000/,
      ],
      [
        'an option',
        () => end().setOption('SO_DEBUG', 1),
        /setOption\(\) option: expected "SO_REUSEADDR" or .*, found "SO_DEBUG"/,
      ],
      [
        'the value of an option',
        () => end().setOption('SO_KEEPALIVE', true),
        /setOption\(\) value: expected a whole number.*found true/,
      ],
      [
        'a state',
        () => assertState(connection, 'OPEN', { on: 'client' }),
        /assertState\(\) state: expected "CLOSED" or "LISTEN" .*, found "OPEN"/,
      ],
      [
        'a state that is not a string',
        () => (assertState as Untyped)(connection, undefined, { on: 'client' }),
        /state: .*found nothing/,
      ],
      [
        'a host',
        () => assertState(connection, 'LISTEN', { on: 'host' as 'client' }),
        /options\.on: expected "client" or "server", found "host"/,
      ],
      [
        'an end that is not named',
        () => (assertState as Untyped)(connection, 'ESTABLISHED'),
        /assertState\(\) options: expected an object, found nothing/,
      ],
      [
        'a promise of a connection',
        () => (assertState as Untyped)(Promise.resolve(connection), 'LISTEN', { on: 'client' }),
        /connection: expected a connection of a lab/,
      ],
      [
        'NaN for an assertion',
        () => expect(connection).toBeInState('ESTAB', { on: 'client', within: Number.NaN }),
        /toBeInState\(\) options\.within/,
      ],
      [
        'a matcher on something else',
        () => expect(7).toBeInState('LISTEN', { on: 'client' }),
        /toBeInState\(\) connection: expected a connection of a lab, found 7/,
      ],
    ] as Case[],
    () => [
      lab.timeline.of('rule-set').length,
      lab.timeline.of('program-started').length,
      lab.timeline.of('call').length,
    ],
  );

  it('has a hint that is a right call', async () => {
    const { hint } = await refusal(() => js().server.drop({ direction: 'sideways' }));
    expect(hint).toBe("example: lab.server.drop({ direction: 'in', flags: 'S' })");
    expect((await refusal(() => end().setOption('SO_LINGER', 1))).hint).toMatch(/close\(\) sends an RST/);
  });

  it.each([
    [
      'SIGNAL',
      /signal\(\) name: expected a signal such as SIGTERM, found "SIGNAL"/,
      (program: Untyped) => program.signal('SIGNAL'),
    ],
    [
      'Infinity',
      /stop\(\) graceMs: expected a whole number from 0 to 2147483647, found Infinity/,
      (program: Untyped) => program.stop(Number.POSITIVE_INFINITY),
    ],
  ])('refuses %s for a program, which runs on', async (_, message, call) => {
    const program = await lab.client.start('exec sleep 60');
    expect((await refusal(() => call(program))).message).toMatch(message);
    expect(program.status).toBeUndefined();
    await program.stop();
  });
});

async function fetchNothing(): Promise<void> {}

describe('a lab that is closed', () => {
  it('refuses every call', async () => {
    const lab = await createLab();
    const connection = await lab.connected();
    await lab.close();
    const calls: (() => Promise<unknown>)[] = [
      () => lab.client.connect(),
      () => lab.server.listen({ port: 81 }),
      () => lab.server.drop(),
      () => lab.client.start('true'),
      () => lab.client.sockets(),
      () => lab.client.readSysctl('net.ipv4.tcp_syn_retries'),
      () => lab.ladder(),
      () => lab.nextConnection(),
      () => connection.client.send('x'),
      () => connection.client.close(),
      () => connection.client.state(),
      () => assertState(connection, 'CLOSED', { on: 'client' }),
      async () => lab.client.run(() => 0),
    ];
    const codes = await Promise.all(calls.map(async (call) => (await refusal(call)).code));
    expect(codes).toEqual(calls.map(() => 'USAGE'));
  });
});

describe('the library', () => {
  const run = runScenario as Untyped;
  const [scenario] = CATALOGUE;
  const held = (wrong: object) => ({ ...scenario, held: { host: 'server', state: 'LISTEN', ...wrong } });
  refuses([
    [
      'the name of a scenario',
      () => run('listen'),
      /runScenario\(\) scenario: expected a scenario, such as CATALOGUE has, found "listen"/,
    ],
    ['a scenario that was not found', () => run(findScenarios('nope')[0]), /found nothing/],
    ['all scenarios of a state', () => run(findScenarios('LISTEN')), /expected a scenario/],
    [
      'a state that TCP has not',
      () => run(held({ state: 'FIN_WAIT1' })),
      /scenario listen: held\.state: expected "CLOSED" or/,
    ],
    [
      'a host that no lab has',
      () => run(held({ host: 'peer' })),
      /held\.host: expected "client" or "server", found "peer"/,
    ],
    [
      'an unknown option',
      () => run(scenario, { hold: 100 }),
      /runScenario\(\) options\.hold: unknown name; .*holdMs/,
    ],
    [
      'a negative hold',
      () => run(scenario, { holdMs: -5 }),
      /options\.holdMs: expected milliseconds, 0 or more, found -5/,
    ],
    ['NaN for a time', () => run(scenario, { withinMs: Number.NaN }), /options\.withinMs: .*found NaN/],
    [
      'a family',
      () => run(scenario, { family: 'ipv5' }),
      /options\.family: expected "ipv4" or "ipv6", found "ipv5"/,
    ],
    [
      'a program of another host',
      () => run(scenario, { programs: { peer: 'true' } }),
      /options\.programs\.peer: unknown name/,
    ],
    ['during that is none', () => run(scenario, { during: 'later' }), /options\.during: expected a function/],
    [
      'Lab.open() with another firewall',
      () => (Lab.open as Untyped)({ firewall: 'pf' }),
      /Lab\.open\(\) options\.firewall/,
    ],
    [
      'Lab.open() with ipv6',
      () => (Lab.open as Untyped)({ ipv6: true }),
      /options\.ipv6: unknown name; the names here are family/,
    ],
    [
      'a promise for judge()',
      () => (judge as Untyped)(Promise.resolve()),
      /judge\(\) timeline: expected a Timeline, found a Promise/,
    ],
    ['a promise for resultOf()', () => (resultOf as Untyped)(Promise.resolve()), /resultOf\(\) timeline/],
    [
      'a timeline without a scenario',
      () => resultOf(new Timeline()),
      /has no result, because no scenario was run/,
    ],
    ['a list for passages()', () => (passages as Untyped)([], {}), /passages\(\) timeline/],
    [
      'a number for findScenarios()',
      () => (findScenarios as Untyped)(5),
      /findScenarios\(\) name: expected text, found 5/,
    ],
    [
      'a type of events',
      () => (new Timeline() as Untyped).of('capture'),
      /Timeline\.of\(\) type: expected the type of an event, found "capture"/,
    ],
  ]);

  it('finds no state in a value that is not a string', () => {
    expect((parseState as Untyped)(5)).toBeUndefined();
  });
});

describe('a host of the library', () => {
  let lab: Lab;
  let socket: number;
  const js = () => lab.client as Untyped;
  const ANY = { address: '192.168.2.10', port: 0 };

  beforeAll(async () => {
    lab = await Lab.open();
    socket = await lab.client.openSocket();
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  refuses(
    [
      [
        'no such host',
        () => (lab as Untyped).host('peer'),
        /Lab\.host\(\) name: expected "client" or "server"/,
      ],
      ['a rule without a hook', () => js().setRule({ fate: 'drop' }), /setRule\(\) rule\.hook is missing/],
      [
        'a hook',
        () => js().setRule({ hook: 'input', fate: 'drop' }),
        /rule\.hook: expected "in" or "out", found "input"/,
      ],
      ['a fate', () => js().setRule({ hook: 'in', fate: 'reject' }), /rule\.fate: expected "drop" or/],
      [
        'words of nft in a rule',
        () => js().setRule({ hook: 'in', fate: 'drop', peer: '1.2.3.4 accept' }),
        /rule\.peer: expected an IPv4 or IPv6 address/,
      ],
      [
        'a range of ports',
        () => js().setRule({ hook: 'in', fate: 'drop', sourcePort: { first: 1 } }),
        /rule\.sourcePort\.last is missing/,
      ],
      [
        'a range that is upside down',
        () => js().setRule({ hook: 'in', fate: 'drop', length: { first: 5, last: 2 } }),
        /rule\.length: expected first to be at most last, found 5 to 2/,
      ],
      [
        'a length that is neither',
        () => js().setRule({ hook: 'in', fate: 'drop', length: '5' }),
        /rule\.length: expected a whole number from 0 to 65535, or \{ first, last \}, found "5"/,
      ],
      ['a rule that is not set', () => lab.client.liftRule(77), /the client has no rule 77/],
      ['a socket that is not open', () => lab.client.close(99), /the client has no open socket 99/],
      [
        'an address',
        () => lab.client.bind(socket, { address: 'localhost', port: 80 }),
        /bind\(\) local\.address: expected an IPv4 or IPv6 address, found "localhost"/,
      ],
      ['a port', () => lab.client.connect(socket, { ...ANY, port: 70_000 }), /connect\(\) remote\.port/],
      [
        'a missing port',
        () => js().bind(socket, { address: ANY.address }),
        /bind\(\) local\.port is missing/,
      ],
      ['an option', () => js().setOption(socket, 'SO_DEBUG', 1), /setOption\(\) option/],
      [
        'text for bytes',
        () => js().send(socket, 'hello'),
        /send\(\) data: expected a Buffer or Uint8Array, found "hello"/,
      ],
      [
        'a negative time',
        () => lab.waitFor('it', () => 1, -1),
        /waitFor\(\) timeoutMs: expected milliseconds/,
      ],
      [
        'waiting for no function',
        () => (lab as Untyped).waitFor('it', true),
        /waitFor\(\) attempt: expected a function/,
      ],
    ] as Case[],
    () => [lab.timeline.of('rule-set').length, lab.timeline.of('call').length],
  );

  it('does what it does for right arguments', async () => {
    const host: Host = lab.client;
    await host.bind(socket, ANY);
    expect((await host.localEndpoint(socket)).port).toBeGreaterThan(0);
    const rule = await host.setRule({ hook: 'out', fate: 'drop', destinationPort: { first: 80, last: 90 } });
    await host.liftRule(rule);
  });
});
