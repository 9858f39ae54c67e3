import { TcplabError } from '../../error.ts';
import { boxRuleFor } from '../../evidence/box.ts';
import { type Connection, type ConnectionEnd, endOf, peerHost } from '../../evidence/connection.ts';
import {
  type Held,
  type HostAbout,
  type HostName,
  type LabSettings,
  otherHost,
} from '../../evidence/events.ts';
import { foreignDrops } from '../../evidence/foreign-drops.ts';
import { isWatched, rulesThatDropped, ruleWords } from '../../evidence/foreign-rules.ts';
import { ofHosts } from '../../evidence/host-name.ts';
import {
  type Passage,
  packetFoldOf,
  passages,
  segmentsLeftOut,
  wordsOfDrop,
} from '../../evidence/segments.ts';
import { mustBeTimeline, type Timeline } from '../../evidence/timeline.ts';
import { stateHistoryOf, type Transition } from '../../evidence/transitions.ts';
import { unreached } from '../../evidence/unreached.ts';
import { judge, type Testimony, unseenTime, type VerdictWord } from '../../evidence/verdict.ts';
import { mayDropUnseen } from '../../evidence/witness/end-known.ts';
import { rowOf, socketTable } from '../../evidence/witness/socket-table.ts';
import type { WitnessName } from '../../evidence/witness/witness.ts';
import { formatEndpoint } from '../../tcp/endpoint.ts';
import type { Step } from '../../tcp/fold.ts';
import type { State } from '../../tcp/state.ts';
import { type BoxReport, boxReport } from './box-report.ts';
import { leftOutLines } from './left-out.ts';
import { unreachedLine } from './unreached-line.ts';

/** A witness's observation, as in the JSON. */
export interface WitnessReport {
  says: State | null;
  agrees: boolean | null;
  why?: string;
}

export interface SegmentReport {
  atMs: number;
  /** The host that sent it, or whose source address it has. */
  host: HostName;
  /** It arrived, and that host did not send it: something between the hosts did. */
  outside?: true;
  direction: 'sent';
  /** tcpdump's letters; null for an ICMP error, which `icmp` then names. */
  flags: string | null;
  icmp: string | null;
  /** Relative to the sequence number of its sender's last SYN, as tcpdump prints them. */
  seq: number | null;
  ack: number | null;
  length: number;
  /**
   * `delivered`, `lost`, `unseen`, or `dropped: ` and the rule, or else why the kernel dropped it. In a lab that is watched without
   * root, `arrived; ` and what may have become of it.
   */
  fate: string;
  /** When the other host's capture saw it; null when it did not. */
  receivedAtMs: number | null;
  /** tcplab made it, past the host's TCP. Absent where that sent it. */
  crafted?: true;
}

interface RuleReport {
  host: HostName;
  rule: string;
  nft: string;
  iptables: string;
  /** By its own counter, at the end. */
  packets: number;
  /** When it was removed. Absent where it was in force to the end. */
  liftedMs?: number;
}

/** A program that played an end. */
export interface ProgramReport {
  host: HostName;
  /** As typed in a shell. */
  command: string;
  pid: number;
  /** As a shell gives it; null when it ran until tcplab ended it. */
  status: number | null;
  /** What it wrote, on both streams: the last 2000 characters of the first 64 KiB. */
  output: string;
  /** Which of its processes have its end of the connection open, or had: `isOpen`, by the last look at the socket table. */
  sockets: { pid: number; name: string; fd: number; isOpen: boolean }[];
}

/** One run of one scenario, as in `tcplab run --json`. Times in milliseconds. */
export interface ScenarioResult {
  scenario: string;
  state: State;
  host: HostName;
  verdict: VerdictWord;
  /** Why it is not proven. */
  because: string | null;
  peer: { host: HostName; state: State | null; witnesses: Partial<Record<WitnessKey, WitnessReport>> };
  connection: Record<HostName, string> | null;
  reachedMs: number | null;
  heldMs: number | null;
  /** How often the socket table was sampled. */
  samples: number;
  witnesses: Partial<Record<WitnessKey, WitnessReport>>;
  programs: ProgramReport[];
  rules: RuleReport[];
  segments: SegmentReport[];
  /** How many more there were, between the first and the last ones: too many to keep. Absent if none. */
  segmentsLeftOut?: number;
  transitions: Record<HostName, State[]>;
  /** What each host's kernel counted during the run, by the names of nstat(8): what changed, and by how much. */
  counters: Record<HostName, Record<string, number>>;
  notes: string[];
  /** What forwarded the packets between the hosts. Absent where the wire is one cable. */
  box?: BoxReport;
  /** Where the hosts were and what each could see, when they were not namespaces of the lab's own. */
  hosts: Record<HostName, HostAbout> | null;
  /** What was set before the first call, because it was asked for. Absent if nothing was. */
  settings?: LabSettings;
  error: string | null;
}

export type WitnessKey = 'socketTable' | 'packets' | 'kernelEvents';

const KEYS: Record<WitnessName, WitnessKey> = {
  'socket-table': 'socketTable',
  packets: 'packets',
  'kernel-events': 'kernelEvents',
};

/** Computes the result of a scenario from its timeline, which has a claim or the failure to reach one. */
export function resultOf(timeline: Timeline): ScenarioResult {
  mustBeTimeline('resultOf', timeline);
  const claim = timeline.of('claimed')[0];
  const aim = claim ?? timeline.of('gave-up')[0];
  if (!aim) {
    throw new TcplabError('USAGE', 'this timeline has no result, because no scenario was run in its lab', {
      hint: 'await runScenario(scenario) returns a timeline with a result',
    });
  }
  const verdict = judge(timeline);
  const hold = timeline.of('held')[0];
  const connection = claim?.connection ?? null;
  const peer = peerHost(connection, aim.held.host);
  const { settings } = timeline.of('lab-opened')[0] ?? {};
  const leftOut = connection ? segmentsLeftOut(timeline, connection) : 0;
  return {
    scenario: aim.scenario,
    state: aim.held.state,
    host: aim.held.host,
    verdict: verdict.word,
    because: verdict.because,
    peer: { host: peer, state: claim?.peer ?? null, witnesses: witnessReports(verdict.peer) },
    connection: connection && ofHosts((host) => formatEndpoint(connection[host])),
    reachedMs: claim?.reachedMs ?? null,
    heldMs: hold ? hold.atMs - hold.fromMs : null,
    samples: hold?.samples ?? 0,
    witnesses: witnessReports(verdict.held),
    programs: programReports(timeline, connection),
    rules: ruleReports(timeline),
    segments: connection ? segmentReports(passages(timeline, connection), timeline) : [],
    ...(leftOut > 0 ? { segmentsLeftOut: leftOut } : {}),
    transitions: ofHosts((host) => pathOf(timeline, host)),
    counters: ofHosts((host) => countersOf(timeline, host)),
    hosts: timeline.of('lab-opened')[0]?.hosts ?? null,
    ...(settings ? { settings } : {}),
    ...boxReport(timeline, connection),
    notes: [
      ...timeline.of('noted').map(({ text }) => text),
      ...unseenNotes(hold),
      ...unreached(timeline).map(unreachedLine),
      ...(connection ? foreignDrops(timeline, connection) : []),
      ...leftOutLines(timeline),
    ],
    error: null,
  };
}

/** Notes on a hold during which tcplab did not run for a time. */
export function unseenNotes(hold: Held | undefined): string[] {
  const unseen = hold && unseenTime(hold);
  return unseen ? [`tcplab read no socket table for ${unseen}: it was stopped, or the machine was busy`] : [];
}

/** A scenario that could not be run at all. */
export function failedResult(
  scenario: string,
  held: { host: HostName; state: State },
  error: string,
): ScenarioResult {
  return {
    scenario,
    ...held,
    verdict: 'unproven',
    because: error,
    peer: { host: otherHost(held.host), state: null, witnesses: {} },
    connection: null,
    reachedMs: null,
    heldMs: null,
    samples: 0,
    witnesses: {},
    programs: [],
    rules: [],
    segments: [],
    transitions: { client: [], server: [] },
    counters: { client: {}, server: {} },
    notes: [],
    hosts: null,
    error,
  };
}

export function witnessReports(testimonies: Testimony[]): Partial<Record<WitnessKey, WitnessReport>> {
  return Object.fromEntries(
    testimonies.map(({ witness, says, agrees, why }) => [
      KEYS[witness],
      { says, agrees, ...(why === null ? {} : { why }) },
    ]),
  );
}

/** `rule 1: tcp flags & syn == syn drop`, by the number. */
export function ruleTexts(timeline: Timeline): Map<number, string> {
  return new Map(timeline.of('rule-set').map(({ rule, text }) => [rule, `rule ${rule}: ${text}`]));
}

/** The rules that were set, as a person would set them, with their counters. */
export function ruleReports(timeline: Timeline): RuleReport[] {
  const counted = timeline.of('rule-counted');
  const lifted = new Map(timeline.of('rule-lifted').map(({ rule, atMs }) => [rule, atMs]));
  return timeline.of('rule-set').map(({ rule, host, text, nft, iptables }) => {
    const packets = counted.findLast((count) => count.rule === rule)?.packets ?? 0;
    const liftedMs = lifted.get(rule);
    const report = { host, rule: `rule ${rule}: ${text}`, nft, iptables, packets };
    return liftedMs === undefined ? report : { ...report, liftedMs };
  });
}

/** In characters. */
export const OUTPUT_KEPT = 2000;

/** The last of what a program wrote, or all of them, on both streams. */
export function outputOf(timeline: Timeline, most: number, program?: number): string {
  const said = timeline
    .of('program-said')
    .filter((event) => program === undefined || event.program === program);
  return said
    .map(({ text }) => text)
    .join('')
    .slice(-most);
}

function programReports(timeline: Timeline, connection: Connection | null): ProgramReport[] {
  return timeline.of('program-started').map(({ host, program, pid, command }) => {
    const ended = timeline.of('program-ended').find((event) => event.program === program);
    const end = connection && endOf(connection, host, 'CLOSED');
    const inodes = end ? inodesOf(timeline, end) : [];
    const last = timeline.of('sockets').findLast((event) => event.host === host);
    const open = end && rowOf(last?.rows ?? [], end)?.inode;
    const sockets = timeline
      .of('socket-owned')
      .filter((event) => event.host === host && inodes.includes(event.inode))
      .map(({ pid, name, fd, inode, atMs }) => {
        const isReleased = timeline
          .of('socket-released')
          .some(
            (event) => event.pid === pid && event.fd === fd && event.inode === inode && event.atMs >= atMs,
          );
        return { pid, name, fd, isOpen: inode === open && !isReleased };
      });
    const output = outputOf(timeline, OUTPUT_KEPT, program);
    return { host, command, pid, status: ended?.status ?? null, output, sockets };
  });
}

/** Of all rows that an end ever had. */
function inodesOf(timeline: Timeline, end: ConnectionEnd): number[] {
  const tables = timeline.of('sockets').filter(({ host }) => host === end.host);
  return tables.flatMap(({ rows }) => rowOf(rows, end)?.inode || []);
}

export function countersOf(timeline: Timeline, host: HostName): Record<string, number> {
  return timeline.of('counted').findLast((event) => event.host === host)?.counters ?? {};
}

export function segmentReports(all: readonly Passage[], timeline: Timeline): SegmentReport[] {
  const rules = ruleTexts(timeline);
  return all.map((passage) => {
    const { atMs, host, wire, numbers, arrivedMs, origin } = passage;
    const segment = wire.kind === 'tcp' ? wire.segment : null;
    return {
      atMs,
      host,
      ...(origin === 'outside' ? { outside: true } : {}),
      direction: 'sent',
      flags: segment?.flags ?? null,
      icmp: wire.kind === 'icmp' ? wire.error.meaning : null,
      seq: numbers?.seq ?? null,
      ack: numbers?.ack ?? null,
      length: segment?.length ?? 0,
      fate: fateText(timeline, passage, rules),
      receivedAtMs: arrivedMs,
      ...(origin === 'crafted' ? { crafted: true } : {}),
    };
  });
}

/** Of a segment that a capture saw arrive, where nothing reports whether a rule then dropped it; null if none can have. */
export function arrivedText(timeline: Timeline, host: HostName, atMs: number): string | null {
  if (!mayDropUnseen(timeline, host, atMs)) return null;
  const rules = rulesThatDropped(timeline, { host, atMs, direction: 'received' }).map(ruleWords);
  return `arrived; may have been dropped by ${rules.length > 0 ? rules.join(' or ') : 'a rule'}`;
}

function fateText(timeline: Timeline, passage: Passage, rules: ReadonlyMap<number, string>): string {
  const { fate, host, arrivedMs } = passage;
  if (fate === 'delivered' && arrivedMs !== null && isWatched(timeline))
    return arrivedText(timeline, otherHost(host), arrivedMs) ?? fate;
  if (fate === 'lost') {
    const rule = boxRuleFor(timeline, passage);
    return rule === undefined ? fate : `dropped: ${rule}`;
  }
  if (typeof fate === 'string') return fate;
  return `dropped: ${'dropped' in fate ? rules.get(fate.dropped.rule) : wordsOfDrop(timeline, fate.discarded)}`;
}

function pathFrom(first: Step, transitions: readonly Transition[], host: HostName): State[] {
  const path = [first.from];
  for (const transition of transitions) {
    const { atMs, from, to } = transition;
    if (transition.host !== host || atMs < first.atMs) continue;
    // A listener can open and close independently of its connection.
    const isOfListener = (from === 'LISTEN' && to === 'CLOSED') || (from === 'CLOSED' && to === 'LISTEN');
    if (from === path.at(-1) || !isOfListener) path.push(to);
  }
  return path;
}

/** The states of an end since its first segment; if no segment shows any, those in its host's socket table. */
function pathOf(timeline: Timeline, host: HostName): State[] {
  const claim = timeline.of('claimed')[0];
  if (!claim) return [];
  const at = endOf(claim.connection, host, 'CLOSED').host;
  const { steps } = packetFoldOf(timeline, claim.connection, at).end;
  if (steps[0]) return pathFrom(steps[0], stateHistoryOf(timeline, claim.connection).transitions, at);
  const state = at === claim.held.host ? claim.held.state : claim.peer;
  const observations = state ? socketTable.follow(timeline, endOf(claim.connection, host, state)) : [];
  return observations.flatMap(({ states }) => states).filter((seen, index, all) => seen !== all[index - 1]);
}
