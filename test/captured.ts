import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kindOf, readCapture } from '../src/captures/read.ts';
import { type GivenPlace, type ReadResult, resultOf } from '../src/captures/result.ts';
import type { State } from '../src/tcp/state.ts';
import { REPOSITORY } from './cli.ts';

/** Captures of real connections, and the right answer for each. */

export interface ExpectedEnd {
  /** What the capture leaves possible, by the rules of its author. */
  fit: State[];
  /** What comes first; null where nothing does. */
  likely: State | null;
  /** What `ss` showed when the capture ended. */
  true: State;
}

export interface Case {
  file: string;
  situation: string;
  captured: string;
  connections: {
    a: string;
    b: string;
    opener: string;
    ends: Record<'a' | 'b', ExpectedEnd>;
    closedFirst: string;
    resetBy: string | null;
    owed: string[];
  }[];
}

export const CAPTURES: string = join(REPOSITORY, 'test/captures');

export const CASES: Record<string, Case> = JSON.parse(readFileSync(join(CAPTURES, 'expected.json'), 'utf8'));

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Reads a capture from memory, in pieces of so many bytes. */
export async function readBytes(bytes: Uint8Array, at?: GivenPlace, size = 65_536): Promise<ReadResult> {
  const kind = kindOf(Buffer.from(bytes.subarray(0, 256)));
  const { connections, facts, notes } = await readCapture(kind, inPieces(bytes, size));
  return resultOf(connections, facts, notes, at);
}

/** Where a case was captured, as its user says it; undefined where the capture itself is certain. */
export function placeOf({ captured, connections: [one] }: Case): GivenPlace | undefined {
  if (one?.opener !== 'a' && captured.startsWith('client')) return { addresses: ['10.20.0.10'] };
  if (captured.startsWith('lo')) return undefined;
  const [word = ''] = /^(client|server|both)/.exec(captured) ?? ['between'];
  return word as GivenPlace;
}

/**
 * What is wrong with an answer, in a sentence each: a true state that it leaves out, or one that can't be, or another order.
 * `isTold`: it had `--at`, so that states can be excluded that a guess must leave in.
 */
export function faultsOf(
  result: ReadResult,
  { connections }: Pick<Case, 'connections'>,
  isTold = true,
): string[] {
  const faults: string[] = [];
  for (const expected of connections) {
    const found = result.connections.find(({ a, b }) => a === expected.a && b === expected.b);
    if (!found) {
      faults.push(`${expected.a} is missing`);
      continue;
    }
    for (const name of ['a', 'b'] as const) {
      const { fit, likely, true: real } = expected.ends[name];
      const { states } = found.ends[name];
      const told = `${expected.a} ${name}: ${states.join(', ')}`;
      if (!states.includes(real)) faults.push(`${told}: leaves out ${real}`);
      const wide = states.filter((state) => !fit.includes(state));
      if (wide.length > 0 && isTold) faults.push(`${told}: ${wide.join(', ')} can't be`);
      if (likely !== null && states[0] !== likely) faults.push(`${told}: ${likely} is likelier`);
    }
    for (const field of ['opener', 'closedFirst', 'resetBy'] as const)
      if (found[field] !== expected[field] && (isTold || found[field] !== 'unknown'))
        faults.push(`${expected.a} ${field}: ${found[field]}, expected ${expected[field]}`);
    if (found.owed.join() !== expected.owed.join())
      faults.push(`${expected.a} owed: ${found.owed.join()}, expected ${expected.owed.join()}`);
  }
  if (result.connections.length !== connections.length)
    faults.push(`${result.connections.length} connections`);
  return faults;
}
