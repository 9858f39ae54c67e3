import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { describe, expect, it, onTestFailed } from 'vitest';
import { dropWords } from '../src/evidence/drop-reasons.ts';
import type { ScenarioResult, WitnessReport } from '../src/report/story/result.ts';
import type { RunReport } from '../src/report/story/run-report.ts';
import {
  expectProven,
  IS_ROOT,
  inTime,
  listed,
  type Outcome,
  REPOSITORY,
  resultsIn,
  run,
  TCPLAB,
  tcplabAsOrdinaryUser,
} from './cli.ts';

const schema = JSON.parse(readFileSync(join(REPOSITORY, 'schema/run.schema.json'), 'utf8')) as object;
const validate: ValidateFunction = new Ajv2020({ strict: true, allErrors: true }).compile(schema);

/**
 * Kernel events can't show a listener's SYN-RECEIVED, because the kernel prints nothing until the handshake completes. Nor
 * TIME-WAIT or an orphan's FIN-WAIT-2, because those are not full sockets, nor bind(), because it changes no state.
 */
function isSeenByKernelEvents({ scenario, state, host }: ScenarioResult): boolean {
  const isRequest = state === 'SYN-RECEIVED' && host === 'server';
  return !isRequest && state !== 'TIME-WAIT' && !['fin-wait-2-orphaned', 'bound'].includes(scenario);
}

interface Way {
  name: string;
  command: () => readonly string[];
  privilege: 'root' | 'user-namespace';
}

const WAYS: Way[] = [
  {
    name: 'as the user of the tests',
    command: () => TCPLAB,
    privilege: IS_ROOT ? 'root' : 'user-namespace',
  },
  { name: 'as an ordinary user', command: tcplabAsOrdinaryUser, privilege: 'user-namespace' },
];

describe.concurrent.each(WAYS)('tcplab run --json $name', ({ command, privilege }) => {
  const tcplab = once(command);

  for (const family of ['ipv4', 'ipv6'] as const) {
    describe(family, () => {
      const reported = once(async () => {
        const words = [...tcplab(), 'run', '--json', ...(family === 'ipv6' ? ['--ipv6'] : [])];
        const outcome = await inTime(() => run(words), resultsIn);
        return { outcome, report: parse(outcome) };
      });

      it('ends with 0, one object on stdout and nothing on stderr', async () => {
        const { outcome } = await reported();
        expect({ ...outcome, stdout: '' }).toEqual({ status: 0, stdout: '', stderr: '' });
        expect(outcome.stdout.endsWith('}\n')).toBe(true);
      });

      it('is as the schema says', async () => {
        const { report } = await reported();
        expect(errorsOf(report)).toEqual([]);
      });

      it('proves every scenario, in the order of the catalogue', async () => {
        const { report } = await reported();
        onTestFailed(() => console.error(JSON.stringify(report, null, 1)));
        expect(report.results.map(({ scenario }) => scenario)).toEqual(listed().map(({ id }) => id));
        expectProven(report.results);
      });

      it('names who looked', async () => {
        const { machine } = (await reported()).report;
        const two = ['socket-table', 'packets'];
        expect(machine.privilege).toBe(privilege);
        expect(machine.witnesses).toEqual(privilege === 'root' ? [...two, 'kernel-events'] : two);
      });

      it('has every witness agree that can see the state', async () => {
        const { results } = (await reported()).report;
        for (const result of results) {
          const { scenario, state, witnesses } = result;
          const says = { says: state, agrees: true };
          const kernelEvents = expectedOfKernel(result, privilege);
          expect({ scenario, ...witnesses }).toEqual({
            scenario,
            socketTable: says,
            packets: says,
            kernelEvents,
          });
        }
      });

      it('has none contradict about the other end', async () => {
        const { results } = (await reported()).report;
        for (const { scenario, peer } of results) {
          const { socketTable, packets, kernelEvents } = peer.witnesses;
          expect({ scenario, socketTable }).toEqual({
            scenario,
            socketTable: { says: peer.state, agrees: true },
          });
          for (const witness of [packets, kernelEvents]) expect(witness?.agrees).not.toBe(false);
        }
      });

      it('has rules, segments and transitions fit the state', async () => {
        const { results } = (await reported()).report;
        const odd = results.map((result) => [result.scenario, ...oddities(result)]);
        expect(odd).toEqual(results.map(({ scenario }) => [scenario]));
      });
    });
  }
});

describe('the schema', () => {
  const reported = once(async () =>
    parse(await run([...TCPLAB, 'run', 'fin-wait-1', 'time-wait', 'closed-rejected-icmp', '--json'])),
  );

  it('allows the report that is broken below', async () => {
    expect(errorsOf(await reported())).toEqual([]);
  });

  it('refuses a report that lacks any of its fields', async () => {
    for (const path of pathsOf(await reported())) {
      // Which counters have changed is another matter in each run.
      if (typeof path.at(-1) === 'number' || path.at(-3) === 'counters') continue;
      expectRefusal(await reported(), path, 'without', (parent, key) => delete parent[key]);
    }
  });

  it('refuses a report with a field more, in any object', async () => {
    const report = await reported();
    const objects = pathsOf(report).filter((path) => isObject(valueAt(report, path)));
    expect(objects.length).toBeGreaterThan(10);
    for (const path of objects)
      expectRefusal(report, path, 'with a field more in', (parent, key) => {
        (parent[key] as Record<string, unknown>)['more'] = 1;
      });
  });

  it('refuses a report with a value of another type, anywhere', async () => {
    const report = await reported();
    for (const path of pathsOf(report)) {
      const wrong = typeof valueAt(report, path) === 'string' ? 7 : 'no such value';
      expectRefusal(report, path, `with ${JSON.stringify(wrong)} as`, (parent, key) => {
        parent[key] = wrong;
      });
    }
  });

  const lies: [what: string, tell: (report: RunReport, first: ScenarioResult) => void][] = [
    ['another format', (report) => Object.assign(report, { format: 'tcplab.run/2' })],
    ['a time that is none', (report) => Object.assign(report, { startedAt: 'yesterday' })],
    ['a negative duration', (report) => Object.assign(report, { durationMs: -1 })],
    ['a verdict that there is not', (_, first) => Object.assign(first, { verdict: 'probable' })],
    ['a state as Linux spells it', (_, first) => Object.assign(first, { state: 'FIN_WAIT1' })],
    ['proven and a reason why not', (_, first) => Object.assign(first, { because: 'it was not' })],
    ['not proven and no reason', (_, first) => Object.assign(first, { verdict: 'unproven' })],
    ['proven by one witness', (_, first) => leaveOneWitness(first)],
    ['proven against a witness', (_, first) => contradict(first.witnesses.packets)],
    [
      'a witness that agrees and says nothing',
      (_, first) => Object.assign(first.witnesses.packets ?? {}, { says: null }),
    ],
    [
      'a witness that is blind and does not say why',
      (_, first) => Object.assign(first.witnesses.packets ?? {}, { says: null, agrees: null }),
    ],
    ['proven and looked at once', (_, first) => Object.assign(first, { samples: 1 })],
    ['proven without a connection', (_, first) => Object.assign(first, { connection: null })],
    [
      'a segment dropped by no rule',
      (_, first) => Object.assign(first.segments[0] ?? {}, { fate: 'dropped' }),
    ],
    [
      'flags that tcpdump does not have',
      (_, first) => Object.assign(first.segments[0] ?? {}, { flags: 'SYN' }),
    ],
    ['a segment without its number', (_, first) => Object.assign(first.segments[0] ?? {}, { seq: null })],
    ['half a byte', (_, first) => Object.assign(first.segments[0] ?? {}, { length: 0.5 })],
    [
      'an ICMP error with flags',
      (report) => Object.assign(report.results[2]?.segments.find(({ icmp }) => icmp) ?? {}, { flags: 'S' }),
    ],
    ['a counter that has not changed', (_, first) => Object.assign(first.counters.client, { TcpOutRsts: 0 })],
    ['a counter of no table', (_, first) => Object.assign(first.counters.client, { OutRsts: 1 })],
    ['a rule that is not a command', (_, first) => Object.assign(first.rules[0] ?? {}, { nft: 'drop it' })],
  ];

  it.each(lies)('refuses %s', async (_, tell) => {
    const report = structuredClone(await reported());
    tell(report, report.results[0] as ScenarioResult);
    expect(report).not.toEqual(await reported());
    expect(validate(report)).toBe(false);
  });

  it('allows a scenario that could not be run', async () => {
    const report = structuredClone(await reported());
    const [first] = report.results as [ScenarioResult];
    const nothing = { connection: null, reachedMs: null, heldMs: null, samples: 0, rules: [], segments: [] };
    const said = {
      verdict: 'unproven',
      because: 'bind failed: EADDRINUSE',
      error: 'bind failed: EADDRINUSE',
    };
    const peer = { host: 'server', state: null, witnesses: {} };
    const transitions = { client: [], server: [] };
    Object.assign(first, { ...nothing, ...said, peer, transitions, witnesses: {}, notes: [] });
    expect(errorsOf(report)).toEqual([]);
  });
});

function parse({ stdout, stderr }: Outcome): RunReport {
  try {
    return JSON.parse(stdout) as RunReport;
  } catch {
    throw new Error(`no JSON on stdout: ${stdout}${stderr}`);
  }
}

function errorsOf(report: unknown): string[] {
  return validate(report) ? [] : (validate.errors ?? []).map((error) => JSON.stringify(error));
}

function expectedOfKernel(result: ScenarioResult, privilege: string): object {
  if (privilege !== 'root') return { says: null, agrees: null, why: 'kernel events need root' };
  if (isSeenByKernelEvents(result)) return { says: result.state, agrees: true };
  return { says: null, agrees: null, why: expect.stringMatching(/^the kernel print|^it saw nothing/) };
}

/** There is no rule but the lab's. */
const FOREIGN = `dropped: ${dropWords('NETFILTER_DROP')}`;

/** What should be as it is and is not. */
function oddities({ state, host, rules, segments, transitions }: ScenarioResult): string[] {
  const dropsOf = (rule: string) => segments.filter(({ fate }) => fate === `dropped: ${rule}`).length;
  const uncounted = rules.filter(({ rule, packets }) => packets < dropsOf(rule));
  const last = transitions[host].at(-1);
  return [
    ...uncounted.map(({ rule, packets }) => `${rule} dropped ${dropsOf(rule)} and has met ${packets}`),
    ...(isLostOnTheWay(segments) ? ['a segment was lost'] : []),
    ...(segments.some(({ fate }) => fate === FOREIGN) ? ['an unknown rule drops'] : []),
    ...(last === state || state === 'LISTEN' ? [] : [`its transitions end in ${last}`]),
  ];
}

/** The last of all may be on its way when the last look is taken. */
function isLostOnTheWay(segments: ScenarioResult['segments']): boolean {
  return segments.some(({ fate }, index) => fate === 'lost' && index < segments.length - 1);
}

function contradict(witness: WitnessReport | undefined): void {
  Object.assign(witness ?? {}, { says: 'ESTABLISHED', agrees: false, why: 'saw ESTABLISHED' });
}

function leaveOneWitness({ witnesses }: ScenarioResult): void {
  delete witnesses.packets;
  delete witnesses.kernelEvents;
}

type Path = (string | number)[];

/** Of all values in it, those in lists only of the first of each shape. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const below = Array.isArray(value)
    ? firstOfEachShape(value).flatMap((index) => pathsOf(value[index], [...path, index]))
    : Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]));
  return path.length > 0 ? [path, ...below] : below;
}

function firstOfEachShape(list: unknown[]): number[] {
  const shapes = list.map((item) => shapeOf(item));
  return shapes.flatMap((shape, index) => (shapes.indexOf(shape) === index ? [index] : []));
}

function shapeOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.length > 0}]`;
  if (!isObject(value)) return value === null ? 'null' : typeof value;
  return Object.entries(value)
    .map(([key, inner]) => `${key}:${shapeOf(inner)}`)
    .join();
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function valueAt(report: unknown, path: Path): unknown {
  return path.reduce((value, key) => (value as Record<string | number, unknown>)[key], report);
}

function expectRefusal(
  report: RunReport,
  path: Path,
  what: string,
  change: (parent: Record<string | number, unknown>, key: string | number) => unknown,
): void {
  const changed = structuredClone(report);
  change(valueAt(changed, path.slice(0, -1)) as Record<string | number, unknown>, path.at(-1) ?? '');
  expect(validate(changed), `${what} ${path.join('.')}`).toBe(false);
}

/** Makes it when it is first asked for, and then gives the same. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
