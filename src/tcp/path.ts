import type { Arc } from './arcs.ts';
import type { State } from './state.ts';

/** One change of state that the segments show. */
export interface Step {
  atMs: number;
  from: State;
  to: State;
  /** Null when the end was found changed, by something that sends no segment: a timer, or a call. */
  arc: Arc | null;
  /** The steps of which some happened in its place; which ones is unknown. */
  or?: readonly Step[];
  /** What Linux did, where the table has no arc for it, and it is known. */
  why?: string;
}

/** All steps that may have happened: each alternative of a step with several. */
export function alternativesOf(step: Step): Step[] {
  return step.or ? step.or.flatMap(alternativesOf) : [step];
}

/** The steps up to one, the last first: possibilities share what they have in common. */
export interface Path {
  readonly step: Step;
  readonly before: Path | null;
}

/** The steps of a path after one of its own, or all, in the order of time. */
export function stepsSince(before: Path | null, last: Path | null): Step[] {
  const steps: Step[] = [];
  for (let path = last; path && path !== before; path = path.before) steps.push(path.step);
  return steps.reverse();
}

/** How two paths to the same state differ. */
interface Difference {
  /** The last step before they part. */
  before: Path | null;
  one: Step[];
  other: Step[];
  /** The steps that both have at the end, at the same times. */
  last: Step[];
}

export function difference(one: Path | null, other: Path | null): Difference {
  const ones = new Set<Path>();
  for (let path = one; path; path = path.before) ones.add(path);
  let before = other;
  while (before && !ones.has(before)) before = before.before;
  const [left, right] = [stepsSince(before, one), stepsSince(before, other)];
  const last: Step[] = [];
  while (left.length > 0 && right.length > 0 && isSameStep(left.at(-1) as Step, right.at(-1) as Step)) {
    right.pop();
    last.unshift(left.pop() as Step);
  }
  return { before, one: left, other: right, last };
}

function isSameStep(one: Step, other: Step): boolean {
  return isSameChange(one, other) && one.atMs === other.atMs;
}

function isSameChange(one: Step, other: Step): boolean {
  return one.arc === other.arc && one.from === other.from && one.to === other.to;
}

/** Of two with the same changes, the one whose first is later: by then it is certain. Null where the changes differ. */
export function laterOfSame({ one, other }: Difference): 'one' | 'other' | null {
  const isSame =
    one.length === other.length && one.every((step, index) => isSameChange(step, other[index] as Step));
  if (!isSame) return null;
  return (one[0]?.atMs ?? 0) < (other[0]?.atMs ?? 0) ? 'other' : 'one';
}

/** A path, that of the later, with the known reasons of the other, which may be its own. */
export function withReasons(
  kept: Path | null,
  { before, one, other, last }: Difference,
  later: 'one' | 'other',
): Path | null {
  const [steps, left] = later === 'one' ? [one, other] : [other, one];
  if (!left.some(({ why }) => why)) return kept;
  let path = before;
  for (const [index, step] of steps.entries()) {
    const same = left[index];
    path = { step: same?.why && !step.why ? { ...step, or: [same] } : step, before: path };
  }
  for (const step of last) path = { step, before: path };
  return path;
}

/** What is certain of both by `untilMs`: between what they have in common, the end was found changed. */
export function inCommon({ before, one, other, last }: Difference, untilMs: number): Path | null {
  const ends = [...one.slice(-1), ...other.slice(-1)];
  const from = before?.step.to ?? one[0]?.from ?? other[0]?.from ?? 'CLOSED';
  const to = last[0]?.from ?? ends[0]?.to ?? from;
  let path = before;
  if (from !== to) {
    const step = { atMs: last[0]?.atMs ?? untilMs, from, to, arc: null, or: [...one, ...other] };
    path = { step, before };
  }
  for (const step of last) path = { step, before: path };
  return path;
}
