import type { Advice, Passage, ProbeVerdict } from '../../check/finding.ts';
import { nameOfProbe, type ProbeResult } from '../../check/probe.ts';
import type { WayName } from '../../check/proxy/way.ts';
import { NOT_RUN, type Target } from '../../check/run-check.ts';
import type { HostName, LabSettings } from '../../evidence/events.ts';
import { ofHosts } from '../../evidence/host-name.ts';
import type { Timeline } from '../../evidence/timeline.ts';
import type { FirewallKind } from '../../lab/firewall.ts';
import { printable } from '../../printable.ts';
import type { Family } from '../../tcp/endpoint.ts';
import type { SocketRow } from '../../tcp/socket-row.ts';
import type { BaselineReport } from '../story/baseline.ts';
import { countersOf, OUTPUT_KEPT, outputOf } from '../story/result.ts';
import type { MachineReport, Report } from '../story/run-report.ts';
import { formatMs } from '../words/time.ts';
import { formatLadder } from './ladder/ladder.ts';
import { pad, wrap } from './layout.ts';
import { leftText } from './relay-table.ts';
import { type Style, styleFor } from './style.ts';

export const CHECK_FORMAT = 'tcplab.check/2';

/** What `tcplab check --json` prints; schema/check.schema.json describes it. */
export interface CheckReport extends Report {
  format: typeof CHECK_FORMAT;
  machine: Omit<MachineReport, 'witnesses'>;
  target: Target;
  /** The program, as a command for the shell. */
  command: string;
  options: CheckedWith;
  /** Null without --baseline. */
  baseline: BaselineReport | null;
  probes: ProbeReport[];
}

/** The options that the findings depend on. */
interface CheckedWith {
  port: number;
  family: Family;
  firewall: FirewallKind;
  withinMs: number;
  /** The protocol: the word of --talk, `http`, `text` or `auto`. */
  talk: string;
  /** What the options of these names said; null for those that were not given. */
  http: string | null;
  expectStatus: string | null;
  request: string | null;
  expect: string | null;
  greeting: string | null;
  answer: string | null;
  /** The server's name in TLS; null without TLS. */
  tls: string | null;
  stopSignal: string;
  signalGroup: boolean;
  /** As which user the program ran; null if as the one who ran tcplab. */
  user: string | null;
  failOn: 'fault' | 'risk';
  /** The tests that were asked for; null if all. */
  only: string[] | null;
  jobs: number;
  /** What was set in the lab; null if nothing was. */
  settings: LabSettings | null;
  /** Of a relay only. */
  proxy?: ProxiedWith;
}

/** How a relay was used. */
interface ProxiedWith {
  /** Of the server, which tcplab plays. */
  serverPort: number;
  /** `relay`: it knows its server. `connect`, `socks`: it was asked for it. */
  way: WayName;
}

export interface ProbeReport
  extends Omit<ProbeResult, 'timeline' | 'backTimeline' | 'advice' | 'passage'>,
    Partial<Passage> {
  /** Why it matters and what to change; null unless it is a risk or a fault. */
  why: Advice['why'] | null;
  fix: Advice['fix'] | null;
  evidence: ProbeEvidence;
  /** Of a relay, the side of its server; `evidence` is then that of its client. */
  backEvidence?: ProbeEvidence;
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

export function probeReport({
  timeline,
  backTimeline,
  advice,
  passage,
  ...result
}: ProbeResult): ProbeReport {
  const { why = null, fix = null } = advice ?? {};
  const backEvidence = backTimeline && { backEvidence: evidenceOf(backTimeline) };
  return { ...result, ...passage, why, fix, evidence: evidenceOf(timeline), ...backEvidence };
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
  const { id, title, verdict, advice, said, timeline, backTimeline } = result;
  const says = printable(result.says);
  const { style, ladder } = layout;
  const width = widthOf(layout);
  const colour = colourOf(verdict, style);
  const head = wrap(`${id}: ${title}`, width, INDENT).trimStart().replace(id, style.bold);
  const lines = [colour(pad(verdict, COLUMN)) + head];
  if (advice) {
    lines.push(colour(labelled('Found:', says, width)));
    if (verdict === 'fault' && said) lines.push(labelled('Said:', oneLine(said), width));
    lines.push(style.dim(labelled('Matters:', advice.why, width)), labelled('Fix:', advice.fix, width));
    if (result.passage?.leftAt2s)
      lines.push(style.dim(labelled('Left:', leftText(result.passage.leftAt2s), width)));
    if (ladder && timeline) lines.push('', evidenceOf(timeline).ladder, '');
    if (ladder && backTimeline) lines.push(evidenceOf(backTimeline).ladder, '');
  } else {
    lines.push(colour(wrap(says, width, INDENT)));
    if (said && SHOWN_IF_GOOD.has(result.code))
      lines.push(style.dim(labelled('Said:', oneLine(said), width)));
  }
  return `${lines.join('\n')}\n`;
}

/** Of the healthy exchange, what the program said is shown too. */
const SHOWN_IF_GOOD: ReadonlySet<string> = new Set([
  'answered',
  'accepted',
  'unexpected-answer',
  'not-understood',
]);

/** The first line of what a program said. */
function oneLine(said: string): string {
  const [line = ''] = printable(said).split('\n');
  return line.trim();
}

/** The label in a column of its own, unless the terminal is too narrow for that. */
function labelled(label: string, text: string, width: number): string {
  if (width < 70) return wrap(`${label} ${text}`, width, INDENT);
  return `${INDENT}${pad(label, COLUMN)}${wrap(text, width, INDENT.repeat(2)).trimStart()}`;
}

function widthOf({ width = 80 }: Layout): number {
  return Math.min(width, WIDEST);
}

/** Tests that were not run, all for the same reason: one paragraph for all of them. */
export function formatNotRun(results: readonly ProbeResult[], layout: Layout): string {
  const [first] = results;
  if (!first) return '';
  const text = `${[...new Set(results.map(({ id }) => id))].join(', ')}: ${first.says}`;
  return `${layout.style.dim(pad('unknown', COLUMN) + wrap(text, widthOf(layout), INDENT).trimStart())}\n`;
}

export function isNotRun({ code }: Pick<ProbeResult, 'code'>): boolean {
  return code === NOT_RUN;
}

export function formatCheckSummary({ probes, durationMs, baseline }: CheckReport, style: Style): string {
  const count = (verdict: ProbeVerdict) => probes.filter((probe) => probe.verdict === verdict).length;
  const words = (['good', 'risk', 'fault', 'unknown'] as const)
    .filter((verdict) => count(verdict) > 0)
    .map((verdict) => colourOf(verdict, style)(`${count(verdict)} ${verdict}`));
  const compared = (['known', 'new', 'gone'] as const)
    .filter((kind) => baseline && baseline[kind].length > 0)
    .map(
      (kind) => `${kind}: ${baseline?.[kind].map((one) => `${nameOfProbe(one)} (${one.code})`).join(', ')}\n`,
    );
  return `\n${words.join(', ')} in ${formatMs(durationMs)}\n${compared.join('')}`;
}

export const PROBE_TONES = { good: 'good', risk: 'unsure', fault: 'bad', unknown: 'none' } as const;

function colourOf(verdict: ProbeVerdict, style: Style): (text: string) => string {
  const tone = PROBE_TONES[verdict];
  return style[tone === 'none' ? 'dim' : tone];
}
