import { type Cell, VERDICTS } from '../../scenario/matrix/cell.ts';
import { isUnseen } from '../../scenario/matrix/run.ts';
import type { Family } from '../../tcp/endpoint.ts';
import type { Outcome } from '../../tcp/matrix/words.ts';
import type { MachineReport, Report } from './run-report.ts';

export const MATRIX_FORMAT = 'tcplab.matrix/1';

/** What `tcplab matrix --json` prints; schema/matrix.schema.json describes it. */
export interface MatrixReport extends Report {
  format: typeof MATRIX_FORMAT;
  machine: MachineReport;
  family: Family;
  /** For how long each end was watched after its event. */
  watchedMs: number;
  cells: Cell[];
}

/** Whether a cell makes the run fail: it differs for no known reason, or was not seen. */
export function fails(cell: Cell): boolean {
  return isUnseen(cell) || (cell.verdict === 'differs' && cell.because === null);
}

/** How many cells have each verdict, in the order of `VERDICTS`. */
export function countVerdicts(cells: readonly Cell[]): number[] {
  return VERDICTS.map((verdict) => cells.filter((cell) => cell.verdict === verdict).length);
}

/** What came of it: `ACK, ESTABLISHED`. */
export function cameOf({ answer, after }: Pick<Cell, 'answer' | 'after'>): string {
  return `${answer === 'none' ? 'no answer' : (answer ?? '?')}, ${after ?? '?'}`;
}

/** An outcome with its clause: `ACK, ESTABLISHED (MUST, RFC 9293, 3.10.7.4)`. */
export function describeOutcome({ level, clause, ...outcome }: Outcome): string {
  const where = /^(RFC|POSIX)/.test(clause) ? clause : `RFC 9293, ${clause}`;
  return `${cameOf(outcome)} (${level === 'text' ? '' : `${level}: `}${where})`;
}

/** Why a cell has its verdict, for those that need it. */
export function reasonsOf({ verdict, because, outcomes, answer, after }: Cell): string[] {
  const [word, ...others] = outcomes;
  const isIt = (outcome: Outcome) => outcome.answer === answer && outcome.after === after;
  const allowed = verdict === 'allowed' ? others.filter(isIt).slice(0, 1) : others;
  const texts = [
    word && `the RFC: ${describeOutcome(word)}`,
    ...allowed.map((one) => `allowed: ${describeOutcome(one)}`),
  ];
  const reason = because === null ? [] : [verdict === 'differs' ? `Linux: ${because}` : because];
  const hasWord = verdict === 'allowed' || verdict === 'differs';
  return [...(hasWord ? texts.filter((text) => text !== undefined) : []), ...reason];
}
