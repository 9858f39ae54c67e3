import type { ProbeResult, ProbeVerdict } from '../../check/probe.ts';
import type { Target } from '../../check/run-check.ts';
import type { HostName } from '../../evidence/events.ts';
import { ofHosts } from '../../evidence/host-name.ts';
import type { Timeline } from '../../evidence/timeline.ts';
import type { SocketRow } from '../../tcp/socket-row.ts';
import { countersOf, OUTPUT_KEPT, outputOf } from '../story/result.ts';
import type { MachineReport, Report } from '../story/run-report.ts';
import { formatMs } from '../words/time.ts';
import { formatLadder } from './ladder/ladder.ts';
import { pad, wrap } from './layout.ts';
import { type Style, styleFor } from './style.ts';

export const CHECK_FORMAT = 'tcplab.check/1';

/** What `tcplab check --json` prints; schema/check.schema.json describes it. */
export interface CheckReport extends Report {
  format: typeof CHECK_FORMAT;
  machine: Omit<MachineReport, 'witnesses'>;
  target: Target;
  /** The program, as a command for the shell. */
  command: string;
  probes: ProbeReport[];
}

export interface ProbeReport extends Omit<ProbeResult, 'timeline'> {
  evidence: ProbeEvidence;
}

/** What tcplab observed. */
interface ProbeEvidence {
  /** The socket table of each host at the end. */
  sockets: Record<HostName, SocketRow[]>;
  /** What each host's kernel counted, by the names of nstat(8). */
  counters: Record<HostName, Record<string, number>>;
  /** The end of the program's output. */
  output: string;
  /** Segments, calls and states between two lifelines, as text. */
  ladder: string;
}

/** A longer ladder is truncated. */
const LADDER_LINES = 200;

export function probeReport({ timeline, ...result }: ProbeResult): ProbeReport {
  return { ...result, evidence: evidenceOf(timeline) };
}

function evidenceOf(timeline: Timeline | null): ProbeEvidence {
  if (!timeline) return { sockets: ofHosts(() => []), counters: ofHosts(() => ({})), output: '', ladder: '' };
  return {
    sockets: ofHosts((host) => timeline.of('sockets').findLast((event) => event.host === host)?.rows ?? []),
    counters: ofHosts((host) => countersOf(timeline, host)),
    output: outputOf(timeline, OUTPUT_KEPT),
    ladder: shortened(formatLadder(timeline, { ascii: false, style: styleFor({}) })),
  };
}

function shortened(text: string): string {
  const lines = text.trimEnd().split('\n');
  if (lines.length <= LADDER_LINES) return lines.join('\n');
  return [...lines.slice(0, LADDER_LINES - 1), `(${lines.length - LADDER_LINES + 1} more lines)`].join('\n');
}

/** Lines of prose get no longer, however wide the terminal is. */
const WIDEST = 100;
const COLUMN = 9;
const INDENT = ' '.repeat(COLUMN);

interface Layout {
  style: Style;
  /** Columns of the terminal; default: 80. */
  width?: number | undefined;
}

/**
 * One test, as tcplab prints it when it is over: the title and what was found; for a risk or a fault also why that matters
 * and how to fix it.
 */
export function formatProbe(result: ProbeResult, layout: Layout & { ladder: boolean }): string {
  const { id, title, verdict, says, why, mend, timeline } = result;
  const { style, ladder } = layout;
  const width = widthOf(layout);
  const colour = colourOf(verdict, style);
  const head = wrap(`${id}: ${title}`, width, INDENT).trimStart().replace(id, style.bold);
  const lines = [colour(pad(verdict, COLUMN)) + head];
  if (verdict === 'fault' || verdict === 'risk') {
    lines.push(colour(labelled('Found:', says, width)));
    lines.push(style.dim(labelled('Matters:', why, width)), labelled('Fix:', mend, width));
    if (ladder && timeline) lines.push('', evidenceOf(timeline).ladder, '');
  } else {
    lines.push(colour(wrap(says, width, INDENT)));
  }
  return `${lines.join('\n')}\n`;
}

/** The label in a column of its own, unless the terminal is too narrow for that. */
function labelled(label: string, text: string, width: number): string {
  if (width < 70) return wrap(`${label} ${text}`, width, INDENT);
  return `${INDENT}${pad(label, COLUMN)}${wrap(text, width, INDENT.repeat(2)).trimStart()}`;
}

function widthOf({ width = 80 }: Layout): number {
  return Math.min(width, WIDEST);
}

/** Tests that were not run, all for the same reason. */
export function formatSkipped(results: readonly ProbeResult[], layout: Layout): string {
  const [{ verdict, says } = { verdict: 'unknown' as const, says: '' }] = results;
  const ids = results.map(({ id }) => id).join(', ');
  const text = wrap(`${ids}: ${says}`, widthOf(layout), INDENT).trimStart();
  return `${layout.style.dim(pad(verdict, COLUMN) + text)}\n`;
}

export function formatCheckSummary({ probes, durationMs }: CheckReport, style: Style): string {
  const count = (verdict: ProbeVerdict) => probes.filter((probe) => probe.verdict === verdict).length;
  const words = (['good', 'risk', 'fault', 'unknown'] as const)
    .filter((verdict) => count(verdict) > 0)
    .map((verdict) => colourOf(verdict, style)(`${count(verdict)} ${verdict}`));
  return `\n${words.join(', ')} in ${formatMs(durationMs)}\n`;
}

export const PROBE_TONES = { good: 'good', risk: 'unsure', fault: 'bad', unknown: 'none' } as const;

function colourOf(verdict: ProbeVerdict, style: Style): (text: string) => string {
  const tone = PROBE_TONES[verdict];
  return style[tone === 'none' ? 'dim' : tone];
}
