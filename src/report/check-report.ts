import type { ProbeResult, ProbeVerdict } from '../check/probe.ts';
import type { Target } from '../check/run-check.ts';
import type { HostName } from '../evidence/events.ts';
import type { Timeline } from '../evidence/timeline.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import { formatLadder } from './ladder/ladder.ts';
import { formatMs, pad, wrap } from './layout.ts';
import type { MachineReport } from './run-report.ts';
import { type Style, styleFor } from './style.ts';

export const CHECK_FORMAT = 'tcplab.check/1';

/** What `tcplab check --json` prints; schema/check.schema.json describes it. */
export interface CheckReport {
  format: typeof CHECK_FORMAT;
  tool: { name: 'tcplab'; version: string };
  machine: Omit<MachineReport, 'witnesses'>;
  /** ISO 8601. */
  startedAt: string;
  durationMs: number;
  target: Target;
  /** As a shell is told. */
  command: string;
  probes: ProbeReport[];
}

export interface ProbeReport extends Omit<ProbeResult, 'timeline'> {
  evidence: ProbeEvidence;
}

/** What was seen. */
interface ProbeEvidence {
  /** The rows of each host at the end. */
  sockets: Record<HostName, SocketRow[]>;
  /** What each host's kernel counted, by the names of nstat(8). */
  counters: Record<HostName, Record<string, number>>;
  /** The end of what the program wrote. */
  output: string;
  /** Segments, calls and states between two lifelines, as text. */
  ladder: string;
}

const OUTPUT_KEPT = 2000;
/** A ladder longer than this is no help. */
const LADDER_LINES = 200;

export function probeReport({ timeline, ...result }: ProbeResult): ProbeReport {
  return { ...result, evidence: evidenceOf(timeline) };
}

function evidenceOf(timeline: Timeline | null): ProbeEvidence {
  const of = <T>(give: (host: HostName) => T): Record<HostName, T> => ({
    client: give('client'),
    server: give('server'),
  });
  if (!timeline) return { sockets: of(() => []), counters: of(() => ({})), output: '', ladder: '' };
  const output = timeline
    .of('program-said')
    .map(({ text }) => text)
    .join('');
  return {
    sockets: of((host) => timeline.of('sockets').findLast((event) => event.host === host)?.rows ?? []),
    counters: of((host) => timeline.of('counted').findLast((event) => event.host === host)?.counters ?? {}),
    output: output.slice(-OUTPUT_KEPT),
    ladder: shortened(formatLadder(timeline, { ascii: false, style: styleFor({}) })),
  };
}

function shortened(text: string): string {
  const lines = text.trimEnd().split('\n');
  if (lines.length <= LADDER_LINES) return lines.join('\n');
  return [...lines.slice(0, LADDER_LINES - 1), `… ${lines.length - LADDER_LINES + 1} lines more`].join('\n');
}

const WIDTH = 80;
const COLUMN = 9;
const INDENT = ' '.repeat(COLUMN);

/** One probe, as it scrolls by: what was found; and where it is no good, why that matters and what mends it. */
export function formatProbe(result: ProbeResult, style: Style, ladder: boolean): string {
  const { id, title, verdict, says, why, mend, timeline } = result;
  const colour = colourOf(verdict, style);
  const bad = verdict === 'fault' || verdict === 'risk';
  const lines = [
    colour(pad(verdict, COLUMN)) + wrap(`${id}: ${title}`, WIDTH, INDENT).trimStart().replace(id, style.bold),
    colour(wrap(says, WIDTH, INDENT)),
    ...(bad ? [style.dim(wrap(`Why: ${why}`, WIDTH, INDENT)), wrap(`Mend: ${mend}`, WIDTH, INDENT)] : []),
    ...(bad && ladder && timeline ? ['', evidenceOf(timeline).ladder, ''] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** Probes that were not run, all for the same reason. */
export function formatSkipped(results: readonly ProbeResult[], style: Style): string {
  const [{ verdict, says } = { verdict: 'unknown' as const, says: '' }] = results;
  const ids = results.map(({ id }) => id).join(', ');
  return `${style.dim(pad(verdict, COLUMN) + wrap(`${ids}: ${says}`, WIDTH, INDENT).trimStart())}\n`;
}

export function formatCheckSummary({ probes, durationMs }: CheckReport, style: Style): string {
  const count = (verdict: ProbeVerdict) => probes.filter((probe) => probe.verdict === verdict).length;
  const words = (['good', 'risk', 'fault', 'unknown'] as const)
    .filter((verdict) => count(verdict) > 0)
    .map((verdict) => colourOf(verdict, style)(`${count(verdict)} ${verdict}`));
  return `\n${words.join(', ')} in ${formatMs(durationMs)}\n`;
}

function colourOf(verdict: ProbeVerdict, style: Style): (text: string) => string {
  return { good: style.good, risk: style.unsure, fault: style.bad, unknown: style.dim }[verdict];
}
