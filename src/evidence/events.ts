import type { Endpoint, Family } from '../tcp/endpoint.ts';
import type { KernelEventName } from '../tcp/kernel-event.ts';
import type { WirePacket } from '../tcp/segment.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';
import type { BoxEvent } from './box-events.ts';
import type { Condition } from './condition-names.ts';
import type { HostName } from './host-name.ts';
import type { HostAbout, KernelEventsAbout, LabSettings } from './lab-about.ts';
import type { LessonEvent } from './lesson-events.ts';
import type { RulesSeen } from './seen-rules.ts';

export { type HostName, otherHost } from './host-name.ts';
export type { HostAbout, KernelEventsAbout, LabSettings } from './lab-about.ts';
export type { RulesSeen, SeenRule } from './seen-rules.ts';

/** Raised when a reader of the old form would misread the new one. */
export const TIMELINE_FORMAT = 'tcplab.timeline/1';

/** `atMs`: milliseconds since the lab was opened, on the clock CLOCK_MONOTONIC; microseconds and finer in the fraction. */
interface TimedEvent {
  atMs: number;
}

interface AtHost extends TimedEvent {
  host: HostName;
}

/** The first event of every timeline: where and on what it was seen. */
export interface LabOpened extends TimedEvent {
  type: 'lab-opened';
  format: typeof TIMELINE_FORMAT;
  /** ISO 8601. */
  startedAt: string;
  family: Family;
  addresses: Record<HostName, string>;
  /** Null when kernel events are seen, in one host at least; else why not. */
  noKernelEvents: string | null;
  /** The source of the kernel events of a lab on this machine, and what it can't show; absent if there are none. */
  kernelEvents?: KernelEventsAbout | undefined;
  /** Where the hosts are and what each can see, when they are not namespaces of the lab's own. */
  hosts?: Record<HostName, HostAbout>;
  /** What was set before anything happened, because it was asked for; absent where nothing was. */
  settings?: LabSettings | undefined;
  /** Others act in its hosts, and tcplab only watches: connections, rules and sysctls are theirs, and nothing is claimed. */
  watched?: boolean | undefined;
}

/** A call that tcplab made in a host, as strace would show it. */
export interface Called extends AtHost {
  type: 'call';
  call: string;
  /** Which socket, by a number of its own in this host. */
  socket: number;
  detail: string;
  /** `ok` or the errno's name. */
  result: string;
  tookMs: number;
}

/** A packet that a host captured. It may not have been delivered to the host's TCP. */
export interface Captured extends AtHost {
  type: 'captured';
  direction: 'sent' | 'received';
  wire: WirePacket;
  /** The packet from its IP header on, base64. */
  bytes: string;
}

/** A packet that tcplab crafted and sent from a host, bypassing its TCP and sockets. */
export interface Crafted extends AtHost {
  type: 'crafted';
  wire: WirePacket;
  bytes: string;
}

/** A packet that a rule dropped or rejected. One that is dropped on its way out was never captured. */
export interface Dropped extends AtHost {
  type: 'dropped';
  rule: number;
  hook: 'in' | 'out';
  wire: WirePacket;
  bytes: string;
}

export interface RuleSet extends AtHost {
  type: 'rule-set';
  rule: number;
  /** `in`: packets to the host's sockets. `out`: packets from them. */
  hook: 'in' | 'out';
  /** What it matches and does, in nft's words: `tcp dport 80 drop`. */
  text: string;
  /** The commands with which a person would set it. */
  nft: string;
  iptables: string;
}

interface RuleLifted extends AtHost {
  type: 'rule-lifted';
  rule: number;
}

/** tcplab changed a sysctl of a host's network namespace. */
interface SysctlWritten extends AtHost {
  type: 'sysctl-written';
  /** As sysctl(8) has it: `net.ipv4.tcp_rfc1337`. */
  name: string;
  value: string;
}

/** How many packets a rule has met, by its own counter. */
interface RuleCounted extends AtHost {
  type: 'rule-counted';
  rule: number;
  packets: number;
}

/**
 * What a host's kernel has counted since the lab was opened: the counters that changed, by the names of nstat(8), and
 * by how much.
 */
export interface Counted extends AtHost {
  type: 'counted';
  counters: Record<string, number>;
}

/** A host's socket table. Recorded when something in it changed (a running timer's remaining time apart). */
export interface SocketsSeen extends AtHost {
  type: 'sockets';
  /** How long it took to read it, up to `atMs`. */
  tookMs: number;
  rows: SocketRow[];
  /** When the look before began, which found the same as the event before. Only in a lab that is watched. */
  sameUntilMs?: number | undefined;
}

/** A tracepoint of the kernel fired for a socket of this host. */
export interface KernelTraced extends AtHost {
  type: 'kernel';
  name: KernelEventName;
  local: Endpoint;
  remote: Endpoint;
  /** For inet_sock_set_state. */
  change: { from: State; to: State } | null;
  /** The process that was running when it fired, which may be unrelated to the socket. Only from BPF, which has namespaces. */
  pid?: number;
  /** Distinguishes sockets with the same ports: numbers the host's sockets by first appearance. Absent without a socket. */
  kernelSocket?: number;
}

/**
 * The kernel reported a dropped packet (tracepoint skb:kfree_skb, BPF only). A rule's drops are among these,
 * and have a `dropped` event too.
 */
export interface KernelDropped extends AtHost {
  type: 'kernel-dropped';
  /** The kernel's name for the reason, without its prefix: `NETFILTER_DROP`, `TCP_CSUM` (include/net/dropreason-core.h). */
  reason: string;
  direction: 'sent' | 'received';
  wire: WirePacket;
  /** The packet's headers alone, base64. */
  bytes: string;
}

/** Who made a call. */
interface ByProgram extends AtHost {
  pid: number;
  /** A thread makes one call at a time. */
  thread: number;
  /** The thread's name, as in /proc/PID/comm. */
  name: string;
}

/** A process in the host began a system call for a TCP socket, by the kernel's own word; seen by BPF alone. */
export interface ProgramCalled extends ByProgram {
  type: 'program-call';
  /** connect, accept, accept4, listen, shutdown, close or setsockopt. */
  call: string;
  fd: number;
  /** The arguments after the descriptor, as strace shows them. */
  detail: string;
  /** The ends of the socket when the call began: port 0 where there was none yet. */
  local: Endpoint;
  remote: Endpoint;
}

/** That call returned. A call without this was still under way when the timeline ended. */
export interface ProgramReturned extends ByProgram {
  type: 'program-return';
  call: string;
  fd: number;
  /** What it returned, or the errno's name: accept returns the new descriptor. */
  result: string;
  tookMs: number;
  /** The ends of the socket by then; of accept, those of the new one. */
  local: Endpoint;
  remote: Endpoint;
}

/** A process that had made such calls ended. What it left open, the kernel then closed. */
interface ProcessExited extends AtHost {
  type: 'process-exited';
  pid: number;
  name: string;
  /** As a shell gives it: 128 and the signal's number when a signal ended it. */
  status: number;
}

/** A program was started in a host, as an end of the connection or for another purpose. */
export interface ProgramStarted extends AtHost {
  type: 'program-started';
  /** By a number of its own in the lab. */
  program: number;
  pid: number;
  /** As typed in a shell. */
  command: string;
}

/** What a program wrote; the first 64 KiB of it. */
interface ProgramSaid extends AtHost {
  type: 'program-said';
  program: number;
  stream: 'stdout' | 'stderr';
  text: string;
}

export interface ProgramEnded extends AtHost {
  type: 'program-ended';
  program: number;
  /** As a shell gives it: 128 and the signal's number when a signal ended it. */
  status: number;
  signal: string | null;
}

/** Which process holds a socket that the host's table shows, under which descriptor. */
interface SocketOwned extends AtHost {
  type: 'socket-owned';
  inode: number;
  pid: number;
  /** Its name, as in /proc/PID/comm. */
  name: string;
  fd: number;
}

/** A process that had a socket of the host's table open no longer has it. Searched for at the end of a hold. */
interface SocketReleased extends AtHost {
  type: 'socket-released';
  inode: number;
  pid: number;
  fd: number;
}

/** The options of a program's socket that change when the kernel's timers fire; when they were first read, and when they changed. */
export interface SocketOptionsRead extends AtHost {
  type: 'socket-options';
  local: Endpoint;
  remote: Endpoint;
  /** The process's name, as in /proc/PID/comm. */
  name: string;
  /** The values in force, by the names of tcp(7) and socket(7): the sysctl's value if none was set. Null if they can't be read. */
  options: Record<string, number> | null;
  /** Why they can't be read. */
  why: string | null;
}

/** The state that a scenario claims to have reached. */
export interface Claimed extends TimedEvent {
  type: 'claimed';
  scenario: string;
  held: { host: HostName; state: State };
  /** The state required of the peer; null if any will do. */
  peer: State | null;
  connection: { client: Endpoint; server: Endpoint };
  /** Further conditions that must hold all the time; absent if there are none. */
  conditions?: Condition[] | undefined;
  /** From the start of the scenario's first call to the first sample in which the held end was in its state. */
  reachedMs: number;
}

/** The state was sampled from `fromMs` to `atMs`. */
export interface Held extends TimedEvent {
  type: 'held';
  fromMs: number;
  samples: number;
  /** Pauses of more than 1 s between two samples of the socket tables; absent if there were none. */
  unseen?: Unseen[] | undefined;
}

/** A time in which nothing read the socket tables, from one look to the next. */
export interface Unseen {
  fromMs: number;
  toMs: number;
}

/** The last event of a lab that was watched: its socket tables were read so often, from `fromMs` to `atMs`. */
export interface Watched extends TimedEvent {
  type: 'watched';
  fromMs: number;
  samples: number;
  /** As of a hold. */
  unseen?: Unseen[] | undefined;
}

/** The state was not reached: the expected state, and the states found instead. */
interface GaveUp extends TimedEvent {
  type: 'gave-up';
  scenario: string;
  held: { host: HostName; state: State };
  why: string;
}

/** A scenario's note beyond its state: `host unreachable: EHOSTUNREACH after 0.2 ms`. */
export interface Noted extends TimedEvent {
  type: 'noted';
  text: string;
}

/** A witness missed some data. */
export interface Lost extends TimedEvent {
  type: 'lost';
  witness: 'packets' | 'kernel-events';
  host: HostName | null;
  what: string;
  /** It saw all before that; absent where that is not known. */
  sinceMs?: number;
}

export type TimelineEvent =
  | LabOpened
  | Called
  | Captured
  | Crafted
  | Dropped
  | RuleSet
  | RuleLifted
  | SysctlWritten
  | RuleCounted
  | Counted
  | SocketsSeen
  | KernelTraced
  | KernelDropped
  | ProgramCalled
  | ProgramReturned
  | ProcessExited
  | ProgramStarted
  | ProgramSaid
  | ProgramEnded
  | SocketOwned
  | SocketReleased
  | SocketOptionsRead
  | Claimed
  | Held
  | Watched
  | RulesSeen
  | GaveUp
  | Noted
  | LessonEvent
  | BoxEvent
  | Lost;

/**
 * What stands on the lines of a saved timeline. The events of one lab follow each other, and those of the next come
 * after them. For what is new or changed here the compiler asks in line-shapes.ts, and a test in
 * schema/timeline.schema.json and docs/timeline.md.
 */
export type TimelineLine = RunStarted | TimelineEvent | ScenarioFailed | RunEnded;

/** The first line: what ran, on what. */
export interface RunStarted {
  type: 'run-started';
  format: typeof TIMELINE_FORMAT;
  tool: { name: 'tcplab'; version: string };
  machine: { kernel: string; arch: string; privilege: 'root' | 'user-namespace' };
  /** ISO 8601. */
  startedAt: string;
  /** In the order of their labs. */
  scenarios: { id: string; heldBy: string }[];
  /** How many labs there are of each, one after the other. */
  repeat: number;
}

/** In the place of a lab's events: the scenario could not be run at all. */
export interface ScenarioFailed {
  type: 'scenario-failed';
  scenario: string;
  held: { host: HostName; state: State };
  error: string;
}

/** The last line. */
export interface RunEnded {
  type: 'run-ended';
  durationMs: number;
  /** The number of lines in the file, including this one: if it differs, the file was truncated. */
  lines: number;
}
