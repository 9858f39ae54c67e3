import type { Transition } from '../../evidence/transitions.ts';
import type { VerdictWord } from '../../evidence/verdict.ts';
import type { WitnessName } from '../../evidence/witness/witness.ts';
import type { ArcResult } from '../../scenario/arcs.ts';
import type { State } from '../../tcp/state.ts';
import type { MachineReport, Report } from '../story/run-report.ts';
import { formatMs } from '../words/time.ts';
import { TONES } from '../words/tones.ts';
import { pad, WIDEST_TABLE, wrap } from './layout.ts';
import type { Style } from './style.ts';

export const ARCS_FORMAT = 'tcplab.arcs/1';

/** What `tcplab arcs --json` prints; schema/arcs.schema.json describes it. */
export interface ArcsReport extends Report {
  format: typeof ARCS_FORMAT;
  machine: MachineReport;
  arcs: ArcReport[];
  /** State changes that neither a transition of the RFC nor a known behavior of Linux explains. */
  unexplained: (Pick<Transition, 'host' | 'from' | 'to' | 'source'> & { scenario: string })[];
  /** How often the kernel reported a change that is not a transition of the RFC, by its explanation. */
  particularities: Record<string, number>;
}

export interface ArcReport {
  number: number;
  from: State;
  to: State;
  trigger: string;
  clause: string;
  /** Where Linux takes it: `net/ipv4/tcp.c, tcp_abort`. */
  kernel: string;
  /** What Linux does in its place, where it never takes it. */
  refusal?: string;
  scenario: string;
  host: 'client' | 'server';
  verdict: VerdictWord | 'skipped';
  because: string | null;
  seenBy: WitnessName[];
}

export function arcReport({ arc, ...rest }: ArcResult): ArcReport {
  return { ...arc, clause: `RFC 9293, ${arc.clause}`, kernel: `net/ipv4/${arc.kernel}`, ...rest };
}

const INDENT = ' '.repeat(15);
/** With fewer columns, trigger and clause get a line of their own. */
const COLUMNS_FOR_ROWS = 80;

/**
 * The table that `tcplab arcs` prints, on a terminal with so many columns. `noKernelEvents`: why the third witness is
 * blind, if it is.
 */
export function formatArcs(
  report: ArcsReport,
  style: Style,
  noKernelEvents: string | null,
  columns = 80,
): string {
  const width = Math.min(columns, WIDEST_TABLE);
  const titles = row('VERDICT', '#', 'TRANSITION', 'TRIGGER', 'CLAUSE');
  const header = width < COLUMNS_FOR_ROWS ? [] : [style.bold(titles)];
  const rows = report.arcs.map((arc) => formatArc(arc, style, width));
  return `${[...header, ...rows, '', summary(report, style, noKernelEvents, width)].join('\n')}\n`;
}

function row(verdict: string, number: string, arc: string, trigger: string, clause: string): string {
  return `${pad(verdict, 11)}${number.padStart(2)}  ${pad(arc, 28)}${pad(trigger, 21)}${clause}`;
}

function formatArc(arc: ArcReport, style: Style, width: number): string {
  const { verdict, number, from, to, trigger, clause, scenario, host, seenBy, because, refusal } = arc;
  const colour = style[verdict === 'skipped' ? 'unsure' : TONES[verdict]];
  const isNarrow = width < COLUMNS_FOR_ROWS;
  const indent = isNarrow ? '  ' : INDENT;
  const inRfc = clause.replace('RFC 9293, ', '');
  const cells = [verdict, String(number), `${from} → ${to}`] as const;
  const line = isNarrow ? row(...cells, '', '').trimEnd() : row(...cells, trigger, inRfc);
  const seen = seenBy.length > 0 ? `: ${seenBy.join(', ')}` : '';
  const details = [
    ...(isNarrow ? [`${trigger} · ${inRfc}`] : []),
    ...(refusal ? [`Linux never takes it: ${refusal}`] : []),
    `${scenario}, ${host}${seen}`,
  ].map((text) => style.dim(wrap(text, width, indent)));
  if (because) details.unshift(colour(wrap(because, width, indent)));
  return [colour(line.slice(0, 11)) + line.slice(11), ...details].join('\n');
}

function summary(
  { arcs, unexplained, durationMs }: ArcsReport,
  style: Style,
  noKernelEvents: string | null,
  width: number,
): string {
  const run = arcs.filter(({ verdict }) => verdict !== 'skipped');
  const proven = run.filter(({ verdict }) => verdict === 'proven');
  const refused = proven.filter(({ refusal }) => refusal !== undefined).length;
  const allWell = proven.length === run.length && unexplained.length === 0;
  const colour = allWell ? style.good : style.bad;
  const kinds = refused > 0 ? ` (${proven.length - refused} taken, ${refused} refused by Linux)` : '';
  const skipped = arcs.length > run.length ? `, ${arcs.length - run.length} skipped (--slow runs them)` : '';
  const counts = `${proven.length} of ${run.length} transitions proven${kinds}${skipped}, in ${formatMs(durationMs)}`;
  const lines = [
    colour(wrap(counts, width)),
    colour(`${unexplained.length} state changes unexplained`),
    ...unexplained.map(({ scenario, host, from, to, source }) =>
      wrap(`${scenario}: ${host} ${from} → ${to} (${source})`, width, '  '),
    ),
  ];
  if (noKernelEvents !== null)
    lines.push(wrap(`Two witnesses, without kernel events: ${noKernelEvents}.`, width));
  return lines.join('\n');
}
