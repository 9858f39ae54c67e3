import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../src/lab/lab.ts';
import type { RunReport } from '../src/report/story/run-report.ts';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import { eventually, needRoot, Program, REPOSITORY, run, TCPLAB, tcplab, tcplabHere } from './cli.ts';

/** People's own programs as ends of a scenario. */

const SERVER = `${process.execPath} ${join(REPOSITORY, 'test/programs/server.mjs')}`;

async function result(...args: string[]) {
  const { status, stdout, stderr } = await tcplab('run', ...args, '--json');
  expect(stderr).toBe('');
  const report = JSON.parse(stdout) as RunReport;
  return { status, ...(report.results[0] as RunReport['results'][number]) };
}

describe.concurrent('a server that is a program', () => {
  it('is held in CLOSE-WAIT when it never closes, and is known by its process and descriptor', async () => {
    const { verdict, programs, status } = await result(
      'close-wait',
      '--server',
      `${SERVER} leak 8080`,
      '--port',
      '8080',
    );
    expect({ verdict, status }).toEqual({ verdict: 'proven', status: 0 });
    expect(programs).toMatchObject([
      { host: 'server', status: null, sockets: [{ name: 'node', isOpen: true }] },
    ]);
  });

  it('is not said to be in CLOSE-WAIT when it closes as it should', async () => {
    const { verdict, because, status } = await result('close-wait', '--server', `${SERVER} echo`);
    expect(status).toBe(1);
    // It is in there for the moment that a look may fall on.
    expect(['unproven', 'disproven']).toContain(verdict);
    expect(because).toMatch(/ within 5 s; socket-table saw server CLOSED|saw CLOSE-WAIT, then/);
  });

  it('is reported with its descriptor, also if it has closed its end since', async () => {
    const closesLate = "require('net').createServer((s) => setTimeout(() => s.destroy(), 1000)).listen(80)";
    const { status, stdout } = await tcplab(
      ...['run', 'established', '--hold', '1500ms', '--server', `node -e "${closesLate}"`],
    );
    expect(status).toBe(1);
    expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(/listen\(80\)": was open in node, pid \d+, fd \d+/);
  });

  it('names the child that keeps the socket open, and not the parent that has closed it', async () => {
    const forking = `python3 ${join(REPOSITORY, 'test/programs/forking.py')}`;
    const { verdict, programs } = await result('close-wait', '--hold', '500ms', '--server', forking);
    expect(verdict).toBe('proven');
    // The parent has the lower number.
    const holders = programs[0]?.sockets.toSorted((one, other) => one.pid - other.pid);
    expect(holders?.map(({ isOpen }) => isOpen)).toEqual([false, true]);
  });

  // What else a good server can be brought to.
  it.each(['syn-received', 'established', 'fin-wait-1', 'last-ack', 'time-wait'])(
    'is brought to %s',
    async (id) => {
      expect(await result(id, '--server', `${SERVER} echo`)).toMatchObject({
        verdict: 'proven',
        because: null,
        status: 0,
      });
    },
  );

  it.each(['ipv4', 'ipv6'])('is found on its wildcard address, %s', async (family) => {
    const options = family === 'ipv6' ? ['--ipv6'] : [];
    expect(await result('listen', '--server', `${SERVER} echo`, ...options)).toMatchObject({
      verdict: 'proven',
    });
  });

  it.each([
    ['ends at once', 'gone', 'exited with status 3 before it listened on port 80: no configuration'],
    ['never listens', 'idle', 'did not listen on port 80 within 5 s'],
    [
      'listens on another port',
      'echo 8081',
      'within 5 s; it listens on 0.0.0.0:8081, [::]:8081: use --port 8081',
    ],
    ['listens on ::1 alone', 'echo 80 ::1', 'within 5 s; it listens on [::1]:80'],
  ])('that %s is not proven, and the result gives the reason', async (_, mode, why) => {
    const { verdict, because, status } = await result('established', '--server', `${SERVER} ${mode}`);
    expect({ verdict, status }).toEqual({ verdict: 'unproven', status: 1 });
    const loose = why.split(', [::]:8081')[0] ?? why;
    expect(because?.replace('[::]:8081', '0.0.0.0:8081')).toContain(loose);
  });

  it.each(['stubborn', 'forks', 'chatty'])(
    'that is %s is served well, and nothing of it is left',
    async (mode) => {
      const { verdict } = await result('established', '--server', `${SERVER} ${mode}`);
      expect(verdict).toBe('proven');
    },
  );

  it('is gone, with all that it started, when tcplab is killed', async () => {
    const program = new Program([...TCPLAB, 'hold', 'established', '--server', `${SERVER} forks`]);
    await program.until(/in ESTABLISHED/);
    const offspring = program.offspring();
    // The shell may replace itself by the program. Its child runs in either case.
    expect(offspring.length).toBeGreaterThanOrEqual(2);
    program.kill('SIGKILL');
    await program.ended;
    await eventually('the end of all that was started', () => program.offspring().length === 0);
  });

  it('leaves nothing of a command either that was run beside it', async () => {
    const script = 'setsid sleep 300 & echo ready; sleep 300';
    const program = new Program([
      ...TCPLAB,
      'hold',
      'established',
      '--on',
      'client',
      '--',
      'sh',
      '-c',
      script,
    ]);
    await program.until(/ready/);
    program.kill('SIGKILL');
    await eventually('the end of all that was started', () => program.offspring().length === 0);
  });

  it('shows what it says in the live view', async () => {
    const { status, stdout } = await tcplab(
      'hold',
      'close-wait',
      '--server',
      `echo here I am; exec ${SERVER} leak`,
      '--for',
      '200ms',
    );
    expect(status, stdout).toBe(0);
    expect(stdout).toMatch(/server \$ echo here I am/);
    expect(stdout).toMatch(/server > here I am/);
  });
});

describe.concurrent('a client that is a program', () => {
  it.each([
    ['syn-sent', 'curl -sS http://192.168.2.11:{port}/'],
    ['syn-sent-dropped-at-client', 'curl -sS http://{server}:{port}/'],
    ['syn-received', 'curl -sS http://{server}:{port}/'],
    ['established', 'nc {server} {port}'],
    ['established', 'telnet {server} {port}'],
    // The standard input of a process that outlives its shell stays open too.
    ['established', 'setsid -f telnet {server} {port}; exec sleep 1000'],
    ['close-wait', 'printf x | nc -N {server} {port}'],
  ])('is brought to %s', async (id, client) => {
    const { verdict, programs } = await result(id, '--client', `sleep 0.05; ${client}`, '--port', '8080');
    expect(verdict).toBe('proven');
    expect(programs[0]).toMatchObject({ host: 'client' });
  });

  it.for(['ipv4', 'ipv6'])(
    'is seen by kernel events as well, which tell of a connect() before the port is chosen: %s',
    async (family, context) => {
      needRoot(context, 'kernel events');
      const url = family === 'ipv6' ? 'http://[{server}]/' : 'http://{server}/';
      const options = family === 'ipv6' ? ['--ipv6'] : [];
      const { verdict, witnesses } = await result('syn-sent', '--client', `curl -sS ${url}`, ...options);
      expect({ verdict, kernelEvents: witnesses.kernelEvents }).toEqual({
        verdict: 'proven',
        kernelEvents: { says: 'SYN-SENT', agrees: true },
      });
    },
  );

  it('is not said to be in SYN-SENT when it gives up', async () => {
    // It must not give up before the state is claimed, however busy the machine is.
    const { verdict, because } = await result(
      'syn-sent',
      '--client',
      'curl -sS -m 2 http://{server}/',
      '--hold',
      '2500ms',
    );
    expect(verdict).toBe('disproven');
    expect(because).toMatch(/socket-table of client: saw SYN-SENT, then CLOSED/);
  });

  it('is reported with its exit status and last output, if its exit ended the connection', async () => {
    const script = 'telnet {server} {port} </dev/null; echo enough; exit 7';
    const { verdict, because, programs } = await result('established', '--client', script);
    expect(verdict).not.toBe('proven');
    expect(because).toMatch(
      /; the client's program \(telnet 192\.168\.2\.11 80 <\/dev\/null; .*\) exited with status 7: .+$/,
    );
    expect(programs[0]).toMatchObject({ status: 7 });
  });

  it('is reported with its exit status if it exits during the hold', async () => {
    const script = 'nc -d {server} {port} & sleep 3; echo enough >&2; kill $!; exit 9';
    const { verdict, because } = await result('established', '--hold', '30s', '--client', script);
    expect(verdict).toBe('disproven');
    expect(because).toMatch(/saw ESTABLISHED, then .* exited with status 9: enough$/);
  });

  it('that never connects is not proven', async () => {
    const { verdict, because } = await result('syn-sent', '--client', 'echo nothing to do');
    expect(verdict).toBe('unproven');
    expect(because).toMatch(/exited with status 0 before it connected to 192.168.2.11:80: nothing to do/);
  });
});

describe.concurrent('an end that must be tcplab’s own', () => {
  const refused = CATALOGUE.flatMap(({ id, ours = {} }) =>
    Object.entries(ours).map(([host, why]) => [id, host, why] as const),
  );

  it.each(refused)('%s refuses a program as its %s, and says why', async (id, host, why) => {
    const { status, stdout, stderr } = await tcplabHere('run', id, `--${host}`, 'true');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`${id} can't use your program as the ${host}: `);
    expect(stderr).toContain(`remove --${host}`);
    expect(stderr).toContain(why);
  });

  it.each(['client', 'server'] as const)(
    'skips of all scenarios those that must have a %s of their own, and lists them, one per line, with the reason',
    async (host) => {
      const places = CATALOGUE.filter(({ ours }) => ours?.[host]);
      const { status, stdout, stderr } = await tcplabHere(
        // It is over before it connects or listens, so that there is nothing to wait for.
        ...['run', `--${host}`, 'exit 7', '--json'],
      );
      expect(status).toBe(1);
      const { results } = JSON.parse(stdout) as RunReport;
      const ids = results.map(({ scenario }) => scenario);
      expect(ids).toEqual(CATALOGUE.filter((each) => !places.includes(each)).map(({ id }) => id));
      expect(stderr.trimEnd().split('\n')).toEqual([
        `tcplab: skipped ${places.length} scenarios that can't use your program`,
        ...places.map(({ id, ours }) => `  ${id}: ${ours?.[host]}`),
      ]);
    },
  );

  it.each([
    ['--server', ''],
    ['--client', '  '],
    ['--port', '0'],
    ['--port', '70000'],
    ['--port', 'http'],
  ])('and %s %j is wrong use', async (option, value) => {
    const { status, stderr } = await tcplabHere('run', 'established', option, value);
    expect(status).toBe(2);
    expect(stderr).toContain(option);
  });
});

it('what a program says last is known when its end is', async () => {
  await using lab = await Lab.open();
  const lastWords = async () => {
    const program = await lab.client.start('echo its last words >&2; exit 3');
    await program.ended;
    return program.output;
  };
  // Of some at once, the kernel may tell of the one's end and of the other's words in either order.
  for (let round = 1; round <= 8; round++) {
    const said = await Promise.all(Array.from({ length: 10 }, lastWords));
    expect(new Set(said)).toEqual(new Set(['its last words\n']));
  }
});

describe('tcplab exec', () => {
  let addresses: string;
  beforeAll(async () => {
    addresses = (await run(['ip', '-br', 'addr'])).stdout;
  });

  it('passes on the command’s output and status, in a network where only a loopback is', async () => {
    const { status, stdout, stderr } = await tcplab('exec', '--', 'sh', '-c', 'ip -br link; exit 7');
    expect({ status, stderr }).toEqual({ status: 7, stderr: '' });
    expect(stdout).toMatch(/^lo +UNKNOWN.*\n$/);
  });

  it('lets it make rules and labs there, and leaves the machine’s own network alone', async () => {
    const script = 'nft add table inet mine && nft list tables && "$@" run established';
    const { status, stdout } = await tcplab('exec', '--', 'sh', '-c', script, 'sh', ...TCPLAB);
    expect(status).toBe(0);
    expect(stdout).toMatch(/table inet mine\n[\s\S]*1 of 1 proven/);
    expect((await run(['nft', 'list', 'tables'])).stdout).not.toContain('mine');
    expect((await run(['ip', '-br', 'addr'])).stdout).toBe(addresses);
  });

  it.each(['client', 'server'])('--on %s runs it inside that host', async (on) => {
    const script = 'echo $TCPLAB_CLIENT $TCPLAB_SERVER; ip -4 -br addr show eth0; exit 4';
    const { status, stdout } = await tcplab('exec', '--on', on, '--', 'sh', '-c', script);
    expect(status).toBe(4);
    expect(stdout).toMatch(/^192\.168\.2\.10 192\.168\.2\.11\n/);
    expect(stdout).toContain(on === 'client' ? '192.168.2.10/24' : '192.168.2.11/24');
  });

  it.each([[[]], [['--on', 'client']]])('with %j passes on signals', async (options) => {
    const program = new Program([
      ...TCPLAB,
      'exec',
      ...options,
      '--',
      'sh',
      '-c',
      'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done',
    ]);
    await program.until(/ready/);
    program.kill('SIGTERM');
    expect(await program.ended).toMatchObject({ status: 9 });
  });

  it('says what is wrong with its use', async () => {
    expect(await tcplabHere('exec', '--', 'no-such-command')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("no command 'no-such-command'"),
    });
    expect((await tcplabHere('exec')).status).toBe(2);
  });
});
