import type { State } from '../../tcp/state.ts';
import type { ConnectionEnd } from '../connection.ts';
import type { Held, HostName, SeenRule, Watched } from '../events.ts';
import { rulesAt } from '../foreign-rules.ts';
import { packetFoldOf } from '../segments.ts';
import type { Timeline } from '../timeline.ts';
import { type EndVerdict, judgeEnd } from '../verdict.ts';
import { type SeenConnection, type SeenEnd, type Stay, seenOn } from './seen-connections.ts';

/** How often and until when the socket tables were read: as the timeline of a watch that is over has it, or until now. */
export type Looks = Omit<Watched, 'type'>;

/** A stay that a look showed, with the word of each witness. */
export interface JudgedStay extends Stay {
  host: HostName;
  /** From the first look that showed it to the last. */
  heldMs: number;
  verdict: EndVerdict;
}

/** What is in force in a host's packet filter. */
export interface RulesInForce {
  rules: readonly SeenRule[];
  /** What else may be there that tcplab can't read; null if nothing. */
  unread: string | null;
}

/** Weighs one stay of an end or a listener. A pure function of the timeline and of how long it was watched. */
export function judgeStay(timeline: Timeline, end: SeenEnd, stay: Stay, looks: Looks): JudgedStay {
  const { host, local, remote } = end;
  const hold = holdOf(stay, looks);
  const isListener = remote.port === 0;
  const meant: ConnectionEnd = { host, local, remote, listening: isListener };
  const answered = isListener ? firstAnswer(timeline, end, hold) : undefined;
  const from = answered ? { ...hold, fromMs: answered.atMs } : hold;
  const verdict = judgeEnd(timeline, meant, stay.state, from, answered?.end ?? meant);
  return { ...stay, host, heldMs: hold.atMs - from.fromMs, verdict };
}

/** The first SYN that a listener answered meanwhile: from then on the packets show that it listens. */
function firstAnswer(
  timeline: Timeline,
  { host, local }: SeenEnd,
  hold: Held,
): { end: ConnectionEnd; atMs: number } | undefined {
  for (const { ends, firstMs, connection } of seenOn(timeline).connections) {
    if (ends[host].local.port !== local.port || firstMs < hold.fromMs || firstMs >= hold.atMs) continue;
    const first = packetFoldOf(timeline, connection, host)
      .observations(true)
      .find(({ states }) => states[0] === 'LISTEN');
    if (!first || first.atMs >= hold.atMs) continue;
    const { local: own, remote } = ends[host];
    return { end: { host, local: own, remote, listening: true }, atMs: first.atMs };
  }
  return undefined;
}

/** Where an end is now; CLOSED where no look has shown a socket. */
export function stateOf({ stays }: SeenEnd): State {
  return stays.at(-1)?.state ?? 'CLOSED';
}

/** Whether any end of it still has a socket. */
export function isOpen({ ends }: SeenConnection): boolean {
  return ends.client.row !== null || ends.server.row !== null;
}

export function rulesInForce(timeline: Timeline, host: HostName, atMs: number): RulesInForce {
  const seen = rulesAt(timeline, host, atMs);
  return { rules: seen?.rules ?? [], unread: seen?.unread ?? null };
}

function holdOf({ fromMs, lastMs }: Stay, looks: Looks): Held {
  const atMs = Math.max(fromMs, lastMs ?? looks.atMs);
  // Two looks suffice: the other witnesses saw the time in between.
  const samples = atMs > fromMs ? 2 : 1;
  const unseen = (looks.unseen ?? []).filter((gap) => gap.toMs > fromMs && gap.fromMs < atMs);
  return { type: 'held', fromMs, atMs, samples, ...(unseen.length > 0 ? { unseen } : {}) };
}
