import { CONDITIONS, type Condition } from '../evidence/condition-names.ts';
import type { HostName } from '../evidence/events.ts';
import { list, map, object, oneOf, optional, type Shape, text } from '../evidence/shape.ts';
import { ARCS, type Trigger } from '../tcp/arcs.ts';
import { parseState, STATES, type State } from '../tcp/state.ts';
import { readYaml } from '../yaml-text.ts';
import { DEFAULT_FOR_MS, type Goal, type LessonStep, type TypedLine } from './lesson.ts';

type Parsed = Pick<LessonStep, 'goal' | 'hints' | 'solution'>;
type Fail = (key: string, what: string) => Error;

interface Block {
  client?: string | undefined;
  server?: string | undefined;
  for?: string | undefined;
  and?: Condition[] | undefined;
  without?: 'rules'[] | undefined;
  through?: Record<string, string[]> | undefined;
  program?: Record<string, string> | undefined;
  counted?: Record<string, string> | undefined;
  change?: string | undefined;
  by?: Trigger | undefined;
  question?: string | undefined;
  answers?: string[] | undefined;
  hints?: string[] | undefined;
  solution?: Record<string, string>[] | undefined;
}

const TRIGGERS = [...new Set(ARCS.map(({ trigger }) => trigger))];
const SOME = /\S/;

const BLOCK: Shape<Block> = object<Block>({
  client: optional(text()),
  server: optional(text()),
  for: optional(text(/^\d+(\.\d+)?(ms|s)$/, 'a time such as 500ms or 2s')),
  and: optional(list(oneOf(...CONDITIONS))),
  without: optional(list(oneOf('rules'))),
  through: optional(map(list(text()))),
  program: optional(map(text(SOME, 'the name of a program'))),
  counted: optional(map(text(/^\w+$/, 'a counter of nstat, such as TcpExtSyncookiesRecv'))),
  change: optional(text()),
  by: optional(oneOf(...TRIGGERS)),
  question: optional(text(SOME, 'a question')),
  answers: optional(list(text(SOME, 'an answer'))),
  hints: optional(list(text(SOME, 'a hint'))),
  solution: optional(list(map(text(SOME, 'what to type')))),
});

const KINDS = {
  state: ['client', 'server', 'for', 'and', 'without', 'through', 'program', 'counted'],
  change: ['change', 'by'],
  question: ['question', 'answers'],
} as const;

const HINT =
  'a step ends with a block such as ```yaml step, server: CLOSE-WAIT, for: 2s, and ``` (docs/lessons.md)';

/**
 * Reads the YAML block that ends a step, which begins in line `firstLine` of the file. Throws a TcplabError (USAGE) with the line of
 * what is wrong, and what was expected there.
 */
export function parseGoal(source: string, path: string, firstLine: number): Parsed {
  const { contents, value, wrong, nodeOf } = readYaml(source, { path, hint: HINT, firstLine });
  const flaw = BLOCK.flawOf(value, '');
  if (flaw !== undefined) throw wrong(nodeOf(flaw) ?? contents, flaw.replace(/^it: /, ''));
  const block = value as Block;
  const fail: Fail = (key, what) => wrong(nodeOf(key) ?? contents, what);
  return { goal: goalOf(block, fail), hints: block.hints ?? [], solution: solutionOf(block, fail) };
}

function goalOf(block: Block, fail: Fail): Goal {
  const kinds = Object.keys(KINDS) as (keyof typeof KINDS)[];
  const given = kinds.filter((kind) => KINDS[kind].some((key) => block[key] !== undefined));
  const [kind, other] = given;
  if (!kind) throw fail('', 'expected client, server, change or question: what ends the step');
  if (other) {
    const keys = KINDS[other].filter((key) => block[key] !== undefined);
    throw fail(
      keys[0] ?? '',
      `'${keys[0]}' can't be combined with '${KINDS[kind].find((key) => block[key] !== undefined)}': a step has one goal`,
    );
  }
  if (kind === 'question') return questionOf(block, fail);
  return kind === 'change' ? changeOf(block, fail) : stateOf(block, fail);
}

function questionOf({ question, answers = [] }: Block, fail: Fail): Goal {
  if (question === undefined) throw fail('answers', "'answers' requires a 'question'");
  if (answers.length === 0) throw fail('question', "'question' requires 'answers', a list of right ones");
  return { kind: 'question', question, answers };
}

function changeOf({ change, by }: Block, fail: Fail): Goal {
  if (change === undefined) throw fail('by', "'by' requires a 'change'");
  const [, host, from = '', to = ''] = /^(client|server)\s+(\S+)\s*>\s*(\S+)$/.exec(change.trim()) ?? [];
  if (!host) {
    throw fail('change', `'change': expected a host and two states, such as server TIME-WAIT > CLOSED`);
  }
  const [first, last] = [stateNamed(from, 'change', fail), stateNamed(to, 'change', fail)];
  return { kind: 'change', host: host as HostName, from: first, to: last, by: by ?? null };
}

function stateOf(block: Block, fail: Fail): Goal {
  const named = Object.keys(block).filter((key) => key === 'client' || key === 'server');
  const [host, other] = named as HostName[];
  if (!host) throw fail('', 'expected client or server, with the state to reach');
  const held = { host, state: stateNamed(block[host] ?? '', host, fail) };
  const peer = other ? stateNamed(block[other] ?? '', other, fail) : null;
  for (const key of ['through', 'program', 'counted'] as const) {
    const strange = Object.keys(block[key] ?? {}).find((name) => name !== 'client' && name !== 'server');
    if (strange !== undefined) throw fail(key, `'${key}': expected client or server, found ${strange}`);
  }
  const through = Object.entries(block.through ?? {}).map(([name, states]) => [
    name,
    states.map((state) => stateNamed(state, 'through', fail)),
  ]);
  return {
    kind: 'state',
    held,
    peer,
    forMs: block.for === undefined ? DEFAULT_FOR_MS : milliseconds(block.for),
    conditions: block.and ?? [],
    without: block.without ?? [],
    through: Object.fromEntries(through),
    counted: block.counted ?? {},
    program: block.program ?? {},
  };
}

function stateNamed(name: string, key: string, fail: Fail): State {
  const state = parseState(name);
  if (state) return state;
  throw fail(key, `'${key}': expected a state (${STATES.join(', ')}), found ${JSON.stringify(name)}`);
}

function milliseconds(time: string): number {
  return Number.parseFloat(time) * (time.endsWith('ms') ? 1 : 1000);
}

function solutionOf({ solution = [] }: Block, fail: Fail): TypedLine[] {
  return solution.map((line) => {
    const [[place, typed] = ['', ''], ...more] = Object.entries(line);
    const [, host, terminal = null] = /^(client|server)(?:\/([\w-]+))?$/.exec(place) ?? [];
    if (!host || more.length > 0) {
      throw fail(
        'solution',
        `'solution': expected one host and what to type, such as server/nc: nc -lvn 80, found ${Object.keys(line).join(', ') || 'nothing'}`,
      );
    }
    return { host: host as HostName, terminal, text: typed };
  });
}
