import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { TcplabError } from '../src/error.ts';
import type { RunStarted, TimelineEvent } from '../src/evidence/events.ts';
import { flawOfLine } from '../src/evidence/line-shapes.ts';
import { Timeline } from '../src/evidence/timeline.ts';
import { readTimeline } from '../src/report/files/timeline/read.ts';
import { TimelineWriter } from '../src/report/files/timeline/write.ts';
import { type LabOutcome, RunFold } from '../src/report/story/run-fold.ts';
import { REPOSITORY, tcplabHere, temporaryFolder } from './cli.ts';
import { claimed, heldFrom, opened, passed, segment, timelineOf } from './hand-built.ts';
import { parseSavedRun } from './saved-run.ts';

/** The file that --timeline saves: its form, and what becomes of a file that is not in that form. */

const schema = JSON.parse(readFileSync(join(REPOSITORY, 'schema/timeline.schema.json'), 'utf8')) as {
  oneOf: { $ref: string }[];
};
const validate: ValidateFunction = new Ajv2020({ strict: true }).compile(schema);
const TYPES = schema.oneOf.map(({ $ref }) => $ref.replace('#/$defs/', ''));
const DOCS = readFileSync(join(REPOSITORY, 'docs/timeline.md'), 'utf8');

describe.each(['ipv4', 'ipv6'] as const)('a saved run of all scenarios, %s', (family) => {
  let lines: string[];

  beforeAll(async () => {
    lines = [];
    for (const names of [[], ['box']]) {
      const file = join(temporaryFolder(), 'run.ndjson');
      await tcplabHere('run', ...names, '--timeline', file, ...(family === 'ipv6' ? ['--ipv6'] : []));
      lines.push(...readFileSync(file, 'utf8').trimEnd().split('\n'));
    }
  });

  it('has lines that the schema describes, and that replay takes', () => {
    for (const line of lines) {
      expect(validate(JSON.parse(line)), `${line}\n${JSON.stringify(validate.errors)}`).toBe(true);
      expect(flawOfLine(JSON.parse(line)), line).toBeUndefined();
    }
  });

  it('has lines that are neither when anything in them is missing, added or of another kind', () => {
    const samples = TYPES.flatMap((type) =>
      lines.filter((line) => line.includes(`"type":"${type}"`)).slice(0, 4),
    );
    expect(samples.length).toBeGreaterThan(20);
    for (const line of samples) {
      for (const [what, changed] of mutations(JSON.parse(line) as Json)) {
        expect(validate(changed), `${what}: ${line}`).toBe(false);
        expect(flawOfLine(changed), `${what}: ${line}`).toBeDefined();
      }
    }
  });

  it('is taken by the schema and by replay alike, whatever stands in a place', () => {
    const samples = TYPES.flatMap((type) =>
      lines.filter((line) => line.includes(`"type":"${type}"`)).slice(0, 2),
    );
    for (const line of samples) {
      for (const [what, changed] of replacements(JSON.parse(line) as Json)) {
        expect(flawOfLine(changed) === undefined, `${what}: ${line}`).toBe(validate(changed));
      }
    }
  });
});

describe('docs/timeline.md', () => {
  const examples = [...DOCS.matchAll(/^```json\n(.*?)\n```$/gms)].flatMap(
    ([, text]) => text?.split('\n') ?? [],
  );
  const parsed = examples.map((line) => JSON.parse(line) as Json & { type: string });

  it('shows each event that there is, and no other', () => {
    expect(new Set(parsed.map(({ type }) => type))).toEqual(new Set(TYPES));
    const headings = [...DOCS.matchAll(/^### (.*)$/gm)].flatMap(([, text]) => text?.match(/[a-z-]+/g) ?? []);
    expect(headings.sort()).toEqual([...TYPES].sort());
  });

  it.each(examples.map((line, index) => [parsed[index]?.type, line]))(
    'has a true example of %s',
    (_, line) => {
      expect(validate(JSON.parse(line ?? '')), JSON.stringify(validate.errors)).toBe(true);
      expect(flawOfLine(JSON.parse(line ?? ''))).toBeUndefined();
    },
  );

  it.each(parsed.map((event) => [event.type, event]))(
    'has an example of %s of which nothing can be left out',
    (_, event) => {
      for (const [what, changed] of mutations(event)) {
        expect(validate(changed), what).toBe(false);
        expect(flawOfLine(changed), what).toBeDefined();
      }
    },
  );
});

const STARTED: RunStarted = {
  type: 'run-started',
  format: 'tcplab.timeline/1',
  tool: { name: 'tcplab', version: '0.1.0' },
  machine: { kernel: '6.18', arch: 'x64', privilege: 'root' },
  startedAt: '2026-11-22T05:21:00.000Z',
  scenarios: [
    { id: 'by-hand', heldBy: 'nothing' },
    { id: 'other', heldBy: 'a rule' },
  ],
  repeat: 2,
};
const FAILED = {
  type: 'scenario-failed',
  scenario: 'other',
  held: { host: 'client', state: 'SYN-SENT' },
  error: 'bind failed: EADDRINUSE',
} as const;

function lab(...more: TimelineEvent[]): Timeline {
  const events = [
    ...passed(1, 'client', segment('client', 'S', 0)),
    claimed(2, 'client', 'SYN-SENT'),
    heldFrom(2, 9),
  ];
  return timelineOf(opened(), ...events, ...more);
}

function save(outcomes: readonly LabOutcome[], started = STARTED): string {
  const writer = new TimelineWriter();
  return [writer.start(started), ...outcomes.map((outcome) => writer.lab(outcome)), writer.end(12.5)].join(
    '',
  );
}

const unreached = (scenario: string): Timeline =>
  timelineOf(opened(), { type: 'gave-up', atMs: 5, scenario, held: FAILED.held, why: 'not seen' });

describe('a run', () => {
  const outcomes = [lab(), lab(), FAILED, unreached('other')];

  it('is read as it was written: labs, what failed, what was not reached', async () => {
    const { started, labs, failed, ended } = await parseSavedRun(save(outcomes));
    expect(started).toEqual(STARTED);
    expect(failed).toEqual([FAILED]);
    expect(labs.map((timeline) => [...timeline])).toEqual(
      [lab(), lab(), unreached('other')].map((timeline) => [...timeline]),
    );
    expect(ended).toEqual({ type: 'run-ended', durationMs: 12.5, lines: 15 });
  });

  it('gives the same report, whichever lab was over first', () => {
    const report = (order: number[]) => {
      const seen: string[] = [];
      const fold = new RunFold(STARTED, [
        { lab: ({ result, number }) => seen.push(`${result.scenario} ${number} ${result.because}`) },
      ]);
      for (const index of order) fold.lab(index, outcomes[index] as LabOutcome);
      return { report: fold.end(12.5), seen };
    };
    expect(report([3, 1, 0, 2])).toEqual(report([0, 1, 2, 3]));
    expect(report([0, 1, 2, 3]).seen.slice(2)).toEqual([
      'other 1 bind failed: EADDRINUSE',
      'other 2 not seen',
    ]);
    expect(report([0, 1, 2, 3]).report.results).toHaveLength(4);
  });

  it('is read as a stream: a lab is there before the next has come', async () => {
    const text = save(outcomes);
    let given = 0;
    const chunks = async function* () {
      for (let from = 0; from < text.length; from += 50) {
        given = from;
        yield Buffer.from(text.slice(from, from + 50));
      }
    };
    for await (const piece of readTimeline(chunks(), 'it')) {
      if (piece instanceof Timeline) break;
    }
    expect(given).toBeLessThan(text.length * 0.7);
  });

  it('may arrive in chunks of any size, split within a character too', async () => {
    const noted = { type: 'noted', atMs: 9, text: 'ok → \u{1f600}' } as const;
    const started = { ...STARTED, scenarios: [{ id: 'by-hand', heldBy: '→' }], repeat: 1 };
    const bytes = Buffer.from(save([lab(noted)], started));
    const chunks = async function* () {
      for (const byte of bytes) yield Uint8Array.of(byte);
    };
    const pieces = [];
    for await (const piece of readTimeline(chunks(), 'it')) pieces.push(piece);
    expect((pieces[1] as Timeline).of('noted')).toEqual([noted]);
  });

  it('is never read when it is cut, wherever that is', async () => {
    const bytes = Buffer.from(save(outcomes));
    // Without its last line feed it is whole.
    for (let length = 0; length < bytes.length - 1; length += 7) {
      await expect(parseSavedRun(bytes.subarray(0, length)), `${length}`).rejects.toThrow(
        /^the file, line \d+: expected/,
      );
    }
    await expect(parseSavedRun(bytes.subarray(0, -1))).resolves.toBeDefined();
  });

  it('is never read when a line is missing, and never taken for another when two have changed places', async () => {
    const lines = save(outcomes).trimEnd().split('\n');
    for (const [index, line] of lines.entries()) {
      await expect(parseSavedRun(`${lines.toSpliced(index, 1).join('\n')}\n`), line).rejects.toThrow(
        /line \d+/,
      );
      if (index === 0) continue;
      const swapped = lines.toSpliced(index - 1, 2, line, lines[index - 1] as string);
      // Two that happened at the same time may stand in any order.
      await parseSavedRun(`${swapped.join('\n')}\n`).catch((error: unknown) => {
        expect(error).toBeInstanceOf(TcplabError);
        expect((error as TcplabError).code).toBe('USAGE');
      });
    }
  });

  it.each<[what: string, outcomes: LabOutcome[], why: RegExp]>([
    [
      'a lab of another scenario than is next',
      [lab(), unreached('other')],
      /expected by-hand, which is next in the run, found other/,
    ],
    ['a lab too many', [...outcomes, lab()], /expected run-ended after 4 labs, found a lab/],
    ['a lab too few', outcomes.slice(0, 3), /expected other, which is next in the run, found run-ended/],
    [
      'a failed scenario that is not next',
      [FAILED],
      /expected by-hand, which is next in the run, found other/,
    ],
    [
      'a lab without an outcome',
      [timelineOf(opened())],
      /expected claimed or gave-up before the lab of by-hand ends/,
    ],
  ])('is not read with %s', async (_, changed, why) => {
    await expect(parseSavedRun(save(changed))).rejects.toThrow(why);
  });
});

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The same with one thing wrong: something missing, something more, or something of another kind. */
/** Not in files that were saved before these came, nor where they have no meaning. */
const OPTIONAL: ReadonlySet<string> = new Set([
  'kernelEvents',
  'pid',
  'kernelSocket',
  'conditions',
  'sinceMs',
]);

function* mutations(value: Json, path = ''): Generator<[what: string, changed: Json]> {
  if (path !== '') {
    // An empty text or list, or nothing at all, may well be right in that place; an object of a strange form is not.
    yield [`${path} strange`, { strange: true }];
    if (typeof value !== 'boolean') yield [`${path} true`, true];
  }
  if (typeof value === 'number') yield [`${path} as text`, `${value}`];
  if (typeof value === 'string') yield [`${path} as a number`, 7];
  if (Array.isArray(value)) {
    for (const [index, item] of value.slice(0, 2).entries()) {
      for (const [what, changed] of mutations(item, `${path}[${index}]`))
        yield [what, value.toSpliced(index, 1, changed)];
    }
  } else if (typeof value === 'object' && value !== null) {
    // A map has whatever names it has.
    const isMap = ['.counters', '.options', '.sysctls'].includes(path);
    if (!isMap) yield [`${path} with more`, { ...value, more: 1 }];
    for (const [key, item] of Object.entries(value)) {
      const { [key]: _, ...rest } = value;
      if (!isMap && !OPTIONAL.has(key)) yield [`${path} without ${key}`, rest];
      for (const [what, changed] of mutations(item, `${path}.${key}`))
        yield [what, { ...value, [key]: changed }];
    }
  }
}

const VALUES = [null, -1, 0, 1.5, 70_000, 2 ** 33, 1e300, '', 'x', 'client', 'CLOSED', '1', [], {}] as const;

/** The same with another value in some place, right or wrong. */
function* replacements(value: Json, path = ''): Generator<[what: string, changed: Json]> {
  for (const other of VALUES) yield [`${path} ${JSON.stringify(other)}`, other as Json];
  if (typeof value !== 'object' || value === null) return;
  for (const [key, item] of Object.entries(value).slice(0, 20)) {
    for (const [what, changed] of replacements(item, `${path}.${key}`)) {
      yield [what, Array.isArray(value) ? value.with(Number(key), changed) : { ...value, [key]: changed }];
    }
  }
}
