import { counted } from '../evidence/counted.ts';
import type { Culprit, Group, Holds, Verdict } from './diagnosis.ts';

/** The worst first. */
const ORDER: readonly Holds[] = [
  'program-did-not-close',
  'accept-queue-full',
  'not-accepted',
  'not-reading',
  'data-unanswered',
  'keepalive-unanswered',
  'peer-not-reading',
  'fin-behind-unsent-data',
  'synack-missing',
  'fin-unanswered',
  'handshake-ack-missing',
  'peer-did-not-close',
  'one-end-did-not-close',
  'open',
  'listening',
  '2msl',
  'closed',
];

export function worstFirst<G extends Group>(groups: readonly G[]): G[] {
  const rank = ({ wrong, holds, culprit }: Group) =>
    (wrong ? 0 : 100) + (wrong && holds === '2msl' ? 1 : ORDER.indexOf(holds)) + (culprit === null ? 0.5 : 0);
  return [...groups].sort((a, b) => rank(a) - rank(b) || b.count - a.count);
}

/** Of groups with the worst first. */
export function verdictOf(groups: readonly Group[]): Verdict {
  const wrong = groups.filter((group) => group.wrong);
  const [worst] = wrong;
  const unknown = groups.some(({ culprit }) => culprit === null);
  const leaks = leakOf(groups);
  const culprit: Culprit = worst?.culprit ?? (unknown ? null : 'nobody');
  return { leaks, culprit, wrong: wrong.length > 0, says: sentence(groups, wrong, leaks, unknown) };
}

/** The program that holds the most connections that their peers have closed. */
function leakOf(groups: readonly Group[]): Verdict['leaks'] {
  const leaking = groups.filter(({ holds, wrong }) => holds === 'program-did-not-close' && wrong);
  const programs = new Map<number, { name: string | null; pid: number; count: number }>();
  for (const { owner, count } of leaking) {
    for (const program of owner ? [owner, ...(owner.also ? [owner.also] : [])] : []) {
      const { name, pid } = program;
      programs.set(pid, { name, pid, count: (programs.get(pid)?.count ?? 0) + count });
    }
  }
  const [most] = [...programs.values()].sort((a, b) => b.count - a.count);
  if (most) return { name: most.name, pid: most.pid };
  const uid = leaking.find((group) => group.uid !== null)?.uid;
  return uid == null ? null : { uid };
}

function sentence(
  groups: readonly Group[],
  wrong: readonly Group[],
  leaks: Verdict['leaks'],
  unknown: boolean,
): string {
  const [worst] = wrong;
  if (!worst) {
    if (groups.length === 0) return 'No TCP sockets.';
    return unknown
      ? "Nothing shown here is certainly stuck, and some of it can't be known."
      : `Nothing here is stuck: ${healthy(groups)}.`;
  }
  if (leaks) {
    const who =
      'uid' in leaks ? `A program of user ${leaks.uid}` : `${leaks.name ?? 'A process'} (pid ${leaks.pid})`;
    return `${who} does not close connections that its peers have closed.`;
  }
  return worst.what;
}

/** Why a healthy table is healthy. */
function healthy(groups: readonly Group[]): string {
  const open = sum(groups, ({ state, holds }) => state === 'ESTABLISHED' && holds === 'open');
  const waiting = sum(groups, ({ state }) => state === 'TIME-WAIT');
  const listening = sum(groups, ({ state }) => state === 'LISTEN');
  const entries = sum(groups, ({ state }) => state === 'conntrack');
  const words = [
    ...(listening > 0 ? [`${counted(listening, 'listener')} without a full queue`] : []),
    ...(open > 0 ? [`${counted(open, 'open connection')} with nothing unread or unanswered`] : []),
    ...(waiting > 0 ? [`${waiting} in TIME-WAIT, which ends by itself within 60 s`] : []),
    ...(entries > 0 ? [`${counted(entries, 'entry').replace('entrys', 'entries')} of conntrack`] : []),
  ];
  return words.join('; ') || 'all of it ends by itself';
}

function sum(groups: readonly Group[], fits: (group: Group) => boolean): number {
  return groups.filter(fits).reduce((total, { count }) => total + count, 0);
}
