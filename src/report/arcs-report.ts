import type { Transition } from '../evidence/transitions.ts';
import type { VerdictWord } from '../evidence/verdict.ts';
import type { WitnessName } from '../evidence/witness/witness.ts';
import type { ArcResult } from '../scenario/arcs.ts';
import type { State } from '../tcp/state.ts';
import { formatMs, pad, wrap } from './layout.ts';
import type { MachineReport } from './run-report.ts';
import type { Style } from './style.ts';

export const ARCS_FORMAT = 'tcplab.arcs/1';

/** What `tcplab arcs --json` prints; schema/arcs.schema.json describes it. */
export interface ArcsReport {
  format: typeof ARCS_FORMAT;
  tool: { name: 'tcplab'; version: string };
  machine: MachineReport;
  /** ISO 8601. */
  startedAt: string;
  durationMs: number;
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

/** The table that `tcplab arcs` prints. `noKernelEvents`: why the third witness is blind, if it is. */
export function formatArcs(report: ArcsReport, style: Style, noKernelEvents: string | null): string {
  const header = style.bold(row('VERDICT', '#', 'TRANSITION', 'TRIGGER', 'CLAUSE'));
  const rows = report.arcs.map((arc) => formatArc(arc, style));
  return `${[header, ...rows, '', summary(report, style, noKernelEvents)].join('\n')}\n`;
}

function row(verdict: string, number: string, arc: string, trigger: string, clause: string): string {
  return `${pad(verdict, 11)}${number.padStart(2)}  ${pad(arc, 28)}${pad(trigger, 21)}${clause}`;
}

function formatArc(arc: ArcReport, style: Style): string {
  const { verdict, number, from, to, trigger, clause, scenario, host, seenBy, because, refusal } = arc;
  const colour = verdict === 'proven' ? style.good : verdict === 'disproven' ? style.bad : style.unsure;
  const line = row(verdict, String(number), `${from} → ${to}`, trigger, clause.replace('RFC 9293, ', ''));
  const seen = seenBy.length > 0 ? `: ${seenBy.join(', ')}` : '';
  const details = [style.dim(wrap(`${scenario}, ${host}${seen}`, 80, INDENT))];
  if (refusal) details.unshift(style.dim(wrap(`Linux never takes it: ${refusal}`, 80, INDENT)));
  if (because) details.unshift(colour(wrap(because, 80, INDENT)));
  return [colour(line.slice(0, 11)) + line.slice(11), ...details].join('\n');
}

function summary(
  { arcs, unexplained, durationMs }: ArcsReport,
  style: Style,
  noKernelEvents: string | null,
): string {
  const run = arcs.filter(({ verdict }) => verdict !== 'skipped');
  const proven = run.filter(({ verdict }) => verdict === 'proven').length;
  const colour = proven === run.length && unexplained.length === 0 ? style.good : style.bad;
  const skipped = arcs.length > run.length ? `, ${arcs.length - run.length} skipped (--slow runs them)` : '';
  const lines = [
    colour(`${proven} of ${run.length} transitions proven${skipped}, in ${formatMs(durationMs)}`),
    colour(`${unexplained.length} state changes unexplained`),
    ...unexplained.map(
      ({ scenario, host, from, to, source }) => `  ${scenario}: ${host} ${from} → ${to} (${source})`,
    ),
  ];
  if (noKernelEvents !== null)
    lines.push(wrap(`Two witnesses, without kernel events: ${noKernelEvents}.`, 80));
  return lines.join('\n');
}
