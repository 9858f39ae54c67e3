import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { SERVER_PORT } from '../src/lab/addresses.ts';
import { Crowd, type CrowdPart } from '../src/lab/crowd.ts';
import type { CrowdResult, CrowdsResult } from '../src/report/terminal/crowd-report.ts';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import { makeCrowd, untilReached } from '../src/scenario/crowd.ts';
import { type CrowdPlan, planCrowds } from '../src/scenario/crowd-plan.ts';
import type { Scenario } from '../src/scenario/scenario.ts';
import { parseState } from '../src/tcp/state.ts';
import {
  eventually,
  holdHere,
  type Outcome,
  Program,
  REPOSITORY,
  run,
  TCPLAB,
  tcplabAsOrdinaryUser,
  tcplabHere,
} from './cli.ts';

const schema = JSON.parse(readFileSync(join(REPOSITORY, 'schema/crowd.schema.json'), 'utf8')) as object;
const validate: ValidateFunction = new Ajv2020({ strict: true, allErrors: true }).compile(schema);

/** More than one slice, and the last one not full. */
const COUNT = 300;
const COUNTABLE = CATALOGUE.filter(({ crowd }) => typeof crowd !== 'string');

function parse({ stdout }: Outcome): CrowdResult {
  const result = JSON.parse(stdout) as CrowdResult;
  expect(validate(result), JSON.stringify(validate.errors)).toBe(true);
  return result;
}

/** The connections that `ss -Htan` shows, by the client's port: in which state. */
function statesOf(printed: string): Map<string, string | undefined> {
  const rows = printed.split('\n').filter((line) => line && !/^LISTEN/.test(line));
  return new Map(
    rows.map((line) => {
      const [state = '', , , local = '', remote = ''] = line.split(/\s+/);
      const client = [local, remote].find((end) => !end.endsWith(`:${SERVER_PORT}`)) ?? line;
      return [client, parseState(state)];
    }),
  );
}

describe.concurrent('tcplab hold SCENARIO --count', () => {
  it.each(COUNTABLE)(
    '$id: ss finds all in the state that the scenario claims',
    async ({ id, held, peer }) => {
      for (const host of ['client', 'server'] as const) {
        const claimed = host === held.host ? held.state : peer;
        const outcome = await holdHere([id, '--count', `${COUNT}`], host, 'ss -Htan');
        expect({ status: outcome.status, stderr: outcome.stderr }).toEqual({ status: 0, stderr: '' });
        const states = statesOf(outcome.stdout);
        const isConnection = claimed !== 'CLOSED' && claimed !== 'LISTEN';
        expect(states.size).toBe(isConnection ? COUNT : 0);
        expect(new Set(states.values())).toEqual(new Set(isConnection ? [claimed] : []));
      }
    },
  );

  it.each(COUNTABLE)('$id: says what it saw, and nothing more', async ({ id, held, peer }) => {
    const outcome = await tcplabHere('hold', id, '--count', `${COUNT}`, '--for', '10ms', '--json');
    expect(outcome.status).toBe(0);
    expect(parse(outcome)).toMatchObject({
      scenario: id,
      state: held.state,
      host: held.host,
      peer: { state: peer, inState: peer === 'LISTEN' ? null : COUNT },
      count: COUNT,
      made: COUNT,
      inState: COUNT,
      fewest: COUNT,
      held: true,
      because: null,
      seenBy: ['socket-table'],
    });
  });

  it('10,000 CLOSE-WAITs, by the word of ss', async () => {
    const args = ['close-wait', '--count', '10000'];
    const { status, stdout, stderr } = await holdHere(args, 'server', 'ss -Htan');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const states = statesOf(stdout);
    expect(states.size).toBe(10_000);
    expect(new Set(states.values())).toEqual(new Set(['CLOSE-WAIT']));
  });

  it.each(['close-wait', 'last-ack'])('%s over IPv6', async (id) => {
    const outcome = await tcplabHere('hold', id, '--count', `${COUNT}`, '--ipv6', '--for', '10ms', '--json');
    expect(outcome.status).toBe(0);
    expect(parse(outcome)).toMatchObject({ family: 'ipv6', inState: COUNT, held: true });
  });

  it('beside a command, which is ended when the time of --for is over', async () => {
    const args = ['--count', '3', '--for', '50ms', '--on', 'server', '--', 'sleep', '1000'];
    expect(await tcplabHere('hold', 'close-wait', ...args)).toEqual({ status: 143, stdout: '', stderr: '' });
  });

  it('as an ordinary user', async () => {
    const args = ['hold', 'last-ack', '--count', `${COUNT}`, '--for', '10ms', '--json'];
    const outcome = await run([...tcplabAsOrdinaryUser(), ...args]);
    expect(outcome.status).toBe(0);
    expect(parse(outcome)).toMatchObject({ inState: COUNT, held: true });
  });

  it('one is a crowd as well', async () => {
    const outcome = await tcplabHere('hold', 'close-wait', '--count', '1', '--for', '10ms', '--json');
    expect(outcome.status).toBe(0);
    expect(parse(outcome)).toMatchObject({ count: 1, inState: 1, held: true });
  });

  it('polls during the hold', async () => {
    const outcome = await tcplabHere('hold', 'close-wait', '--count', '10', '--for', '1300ms', '--json');
    const { looks, heldMs } = parse(outcome);
    expect(looks).toBeGreaterThanOrEqual(3);
    expect(heldMs).toBeGreaterThan(1200);
  });

  it('Ctrl-C stops the hold, long before its time is over', async () => {
    const args = ['hold', 'close-wait', '--count', `${COUNT}`, '--for', '1h', '--json'];
    const holding = new Program([...TCPLAB, ...args]);
    await holding.until(/300 of 300/, 'stderr');
    holding.kill('SIGINT');
    const outcome = await holding.ended;
    expect(outcome.status).toBe(0);
    expect(parse(outcome)).toMatchObject({ held: true, inState: COUNT });
  });

  it('a command’s own exit status is passed on', async () => {
    const args = ['--count', '10', '--on', 'client', '--', 'sh', '-c', 'exit 7'];
    expect((await tcplabHere('hold', 'close-wait', ...args)).status).toBe(7);
  });
});

describe.concurrent('a crowd is not held', () => {
  it('when one is destroyed, though the command that did it is content', async () => {
    const kill = 'ss -K state close-wait dport = :65500 >/dev/null';
    const args = ['--count', `${COUNT}`, '--on', 'server', '--', 'sh', '-c', kill];
    const { status, stderr } = await tcplabHere('hold', 'close-wait', ...args);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /not held: after .* the socket table showed 299 of 300 in CLOSE-WAIT \(1 in CLOSED\) at the server/,
    );
  });

  it('when it is stopped before all are made', async () => {
    const count = 15_000;
    const making = new Program([...TCPLAB, 'hold', 'close-wait', '--count', `${count}`, '--json']);
    await eventually('descriptors', () => descriptorsOf(making.pid) > 1000);
    making.kill('SIGINT');
    const outcome = await making.ended;
    expect(outcome.status).toBe(1);
    const result = parse(outcome);
    expect(result).toMatchObject({ held: false, reachedMs: null, heldMs: null, fewest: null });
    expect(result.because).toBe(`stopped after ${result.made} of ${count}`);
    expect(result.made).toBeLessThan(count);
  });

  /** So that no recipe is held by something other than what it says. */
  const withRules = COUNTABLE.filter((scenario) =>
    planCrowds([{ scenario, count: 1 }], SERVER_PORT).some(({ steps }) =>
      steps.some((step) => step.do === 'drop'),
    ),
  );

  it.each(withRules)('when the rules of $id are not set', async (scenario) => {
    expect(await isReached(scenario, 'drop')).toBe(false);
  });

  it.each(['close-wait', 'close-wait-never-accepted', 'fin-wait-2', 'fin-wait-2-orphaned', 'time-wait'])(
    'when nobody closes first in %s',
    async (id) => {
      const scenario = COUNTABLE.find((each) => each.id === id) as Scenario;
      expect(await isReached(scenario, 'close', 'shutdown')).toBe(false);
    },
  );
});

/** Whether a small crowd gets to its states when some steps are left out. */
async function isReached(scenario: Scenario, ...withheld: string[]): Promise<boolean> {
  const [whole] = planCrowds([{ scenario, count: 20 }], SERVER_PORT) as [CrowdPlan];
  const plan = { ...whole, steps: whole.steps.filter((step) => !withheld.includes(step.do)) };
  await using crowd = await Crowd.open({ parts: [plan], family: 'ipv4' });
  const [part] = crowd.parts as [CrowdPart];
  const withinMs = 300;
  const made = await makeCrowd(crowd, part, plan, { isOver: () => false, onSlice: () => {}, withinMs });
  return made.because === null && (await untilReached(part, plan, withinMs)).reached;
}

function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

describe.concurrent('wrong use of --count ends with 2 and says why', () => {
  const wrong: [args: string, message: RegExp][] = [
    ['close-wait --count 0', /--count.*'0'.*whole number from 1/],
    ['close-wait --count -5', /--count.*'-5'/],
    ['close-wait --count 1.5', /--count.*'1.5'/],
    ['close-wait --count 1e3', /--count.*'1e3'/],
    ['close-wait --count many', /--count.*'many'/],
    ['close-wait --count', /--count.*argument missing/],
    [
      'time-wait --count 99999999999999',
      /99999999999999 is too many for time-wait: at most \d+ here\n.*memory/,
    ],
    ['time-wait --count 40000 --port 65535', /at most 33312 here\n.*each port of the server/],
    ['syn-sent --count 99999999', /at most \d+ here\n.*tcp_mem/],
    ['fin-wait-1 --count 99999999', /at most \d+ here\n.*tcp_max_orphans/],
    ['--count 5', /missing required argument 'name'/],
    ['--count close-wait=x', /whole number/],
    ['--count close-wait=1,', /Expected a list such as/],
    ['--count close-wait=1,close-wait=2', /names close-wait twice/],
    ['--count close-wait=1,nonsense=2', /no scenario, state or transition is called 'nonsense'/],
    ['--count close-wait=1,listen=2', /listen can't be held many times over/],
    [
      'listen --count 2',
      /listen can't be held many times over: a single listener.*\n.*--count can be combined with syn-sent, /,
    ],
    ['bound --count 2', /bound can't be held many times over: the socket table has no row of it to count/],
    ['zero-window --count 2', /zero-window can't be held many times over/],
    ['listen-closed --count 2', /listen-closed can't be held many times over: it exists for a transition/],
    ['close-wait --count 2 --ladder', /--ladder can't be combined with --count/],
    ['close-wait --count 2 --server cat', /--server can't be combined with --count/],
    ['close-wait --count 2 --client cat', /--client can't be combined with --count/],
    ['close-wait --count 2 --on server', /--on needs a command after/],
  ];

  it.each(wrong)('tcplab hold %s', async (args, message) => {
    const { status, stdout, stderr } = await tcplabHere('hold', ...args.split(' '));
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('as many as the descriptors allow, and not one more', async () => {
    const limited = (count: number) => run([...withDescriptors(140), ...held('established', count)]);
    const refused = await limited(1_000_000);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toMatch(/more descriptors open at a time; raise the hard limit/);
    const most = Number(/at most (\d+) here/.exec(refused.stderr)?.[1]);
    expect(most).toBeGreaterThan(1000);
    expect((await limited(most + 1)).status).toBe(2);
  });
});

function held(id: string, count: number): string[] {
  return ['hold', id, '--count', `${count}`, '--for', '10ms', '--json'];
}

/** Runs tcplab with so few descriptors in a process. */
function withDescriptors(count: number): string[] {
  return ['sh', '-c', `ulimit -n ${count} && exec "$@"`, 'sh', ...TCPLAB];
}

describe.concurrent('more connections than one process may have descriptors', () => {
  it.each(['established', 'close-wait', 'fin-wait-1-descriptor-open'])('%s', async (id) => {
    const outcome = await run([...withDescriptors(700), ...held(id, 2000)]);
    expect(outcome.status).toBe(0);
    expect(parse(outcome)).toMatchObject({ held: true, inState: 2000 });
  });

  it('are all gone after SIGKILL, with the processes that had them open', async () => {
    const holding = new Program([...withDescriptors(700), 'hold', 'close-wait', '--count', '2000', '--json']);
    await holding.until(/2000 of 2000/, 'stderr');
    const children = readFileSync(`/proc/${holding.pid}/task/${holding.pid}/children`, 'utf8')
      .trim()
      .split(' ');
    expect(children.length).toBeGreaterThan(2);
    holding.kill('SIGKILL');
    await holding.ended;
    await eventually('their end', () => children.every((pid) => !existsSync(`/proc/${pid}`)));
  });
});

it('more connections than the server has client ports for have several ports of it', async () => {
  const ss = 'ss -Htan state time-wait';
  const { status, stdout, stderr } = await holdHere(['time-wait', '--count', '34000'], 'client', ss);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const rows = stdout.trim().split('\n');
  const servers = rows.map((row) => row.trim().split(/\s+/)[3]?.split(':').at(-1));
  expect([rows.length, servers.filter((port) => port === '80').length]).toEqual([34_000, 33_312]);
  expect(new Set(servers)).toEqual(new Set(['80', '81']));
});

it('an RST does not end one of many TIME-WAITs: the FIN of a few overtakes the ACK before it', async () => {
  const read = 'cat /proc/sys/net/ipv4/tcp_rfc1337';
  const hold = ['time-wait', '--count', '3'];
  expect((await holdHere(hold, 'client', read)).stdout).toBe('1\n');
  const asked = [...hold, '--sysctl', 'client:tcp_rfc1337=0'];
  expect((await holdHere(asked, 'client', read)).stdout).toBe('0\n');
});

describe.concurrent('a list of scenarios in one host', () => {
  const LIST = ['--count', 'close-wait=300,syn-sent=200,fin-wait-1=40'];

  it.each(['client', 'server'])('at the %s: ss finds all of them', async (host) => {
    const { status, stdout, stderr } = await holdHere(LIST, host, 'ss -Htan');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const found = { 'CLOSE-WAIT': 0, 'SYN-SENT': 0, 'FIN-WAIT-1': 0 } as Record<string, number>;
    for (const line of stdout.split('\n')) {
      const state = line.split(/\s+/)[0] ?? '';
      if (state in found) found[state] = (found[state] ?? 0) + 1;
    }
    expect(found).toEqual({ 'CLOSE-WAIT': 300, 'SYN-SENT': 200, 'FIN-WAIT-1': 40 });
  });

  it('reports what it saw of each scenario', async () => {
    const outcome = await tcplabHere('hold', ...LIST, '--for', '10ms', '--json');
    expect(outcome.status).toBe(0);
    const result = JSON.parse(outcome.stdout) as CrowdsResult;
    expect(validate(result), JSON.stringify(validate.errors)).toBe(true);
    expect(result).toMatchObject({ format: 'tcplab.crowds/1', host: 'server', held: true });
    const brief = result.crowds.map(({ scenario, host, inState, clientsAt }) => [
      scenario,
      host,
      inState,
      clientsAt,
    ]);
    expect(brief).toEqual([
      ['close-wait', 'server', 300, undefined],
      ['syn-sent', 'server', 200, 'server'],
      ['fin-wait-1', 'server', 40, 'server'],
    ]);
  });

  it('is not held when one connection of one of them is destroyed', async () => {
    const kill = 'ss -K state syn-sent sport = :65500 >/dev/null';
    const { status, stderr } = await tcplabHere('hold', ...LIST, '--on', 'server', '--', 'sh', '-c', kill);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /syn-sent: not held: after .* showed 199 of 200 in SYN-SENT \(1 in CLOSED\) at the server/,
    );
  });

  it('shows each of them, and the witness once', async () => {
    const { status, stdout } = await tcplabHere('hold', ...LIST, '--for', '10ms');
    expect(status).toBe(0);
    expect(stdout).toMatch(/\nsyn-sent\nserver {2}SYN-SENT {5}200 of 200\n/);
    expect(stdout.match(/witness:/g)).toHaveLength(1);
  });
});
