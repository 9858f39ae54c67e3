import { boxDropsOf, entriesOf } from '../../evidence/box.ts';
import type { BoxEntrySeen, TrackedEntry } from '../../evidence/box-events.ts';
import type { Connection } from '../../evidence/connection.ts';
import { counted } from '../../evidence/counted.ts';
import type { Timeline } from '../../evidence/timeline.ts';
import { formatMs } from '../words/time.ts';

/** What a box between the hosts was set up like, and what it knew and dropped of the connection. */
export interface BoxReport {
  address: string;
  rules: {
    rule: string;
    nft: string;
    /** How many packets of the connection it dropped or rejected. */
    packets: number;
  }[];
  sysctls: Record<string, string>;
  mtu: number | null;
  /** Its entry of the connection, in order; none if it tracks nothing. Neither end's state. */
  entries: { atMs: number; entry: TrackedEntry | null; forgotten?: boolean }[];
}

export function boxReport(timeline: Timeline, connection: Connection | null): { box?: BoxReport } {
  const opened = timeline.of('box-opened')[0];
  if (!opened) return {};
  const drops = connection ? boxDropsOf(timeline, connection) : [];
  const entries = connection ? entriesOf(timeline, connection) : [];
  return {
    box: {
      address: opened.address,
      rules: opened.rules.map(({ rule, text, nft }) => ({
        rule: `box rule ${rule}: ${text}`,
        nft,
        packets: drops.filter((drop) => drop.rule === rule).length,
      })),
      sysctls: opened.sysctls,
      mtu: opened.mtu,
      entries: entries.map(({ atMs, entry, forgotten }) => ({
        atMs,
        entry,
        ...(forgotten ? { forgotten } : {}),
      })),
    },
  };
}

/** `box: no entry, was ESTABLISHED [ASSURED] for 1.0 s; rule 1 dropped 3 packets` */
export function boxLine({ rules, entries, mtu }: BoxReport): string {
  const drops = rules.flatMap(({ rule, packets }) =>
    packets > 0
      ? [`${rule.replace(/^box /, '').replace(/:.*/, '')} dropped ${counted(packets, 'packet')}`]
      : [],
  );
  const link = mtu === null ? [] : [`MTU ${mtu} to the server`];
  return `box: ${[...link, entriesLine(entries), ...drops].join('; ')}`;
}

function entriesLine(entries: BoxReport['entries']): string {
  const last = entries.at(-1);
  if (!last) return 'no entry of the connection';
  if (last.entry) return entryWords(last.entry);
  const before = entries.at(-2);
  const was = before?.entry
    ? `, was ${entryWords(before.entry)} for ${formatMs(last.atMs - before.atMs)}`
    : '';
  return `no entry${was}`;
}

/** As conntrack(8) prints it: `ESTABLISHED [ASSURED]`. */
function entryWords({ state, replied, assured }: TrackedEntry): string {
  return `${state}${replied ? '' : ' [UNREPLIED]'}${assured ? ' [ASSURED]' : ''}`;
}

/** What happened to an entry, as a ladder shows it. */
export function entryNote({ entry, forgotten }: BoxEntrySeen): string {
  if (entry) return `box: ${entryWords(entry)}`;
  return `box: no entry any more${forgotten ? ', tcplab removed it' : ''}`;
}
