import { type LeftSocket, type Passage, RELAY_ENDS, type RelayEnd } from '../../check/finding.ts';
import type { ProbeResult } from '../../check/probe.ts';
import { formatTime } from '../words/time.ts';
import { pad } from './layout.ts';

const END_NAMES: Readonly<Record<RelayEnd, string>> = {
  client: 'client',
  relayClientSide: "relay's client side",
  relayServerSide: "relay's server side",
  server: 'server',
};

/** What is left at the four ends: `client TIME-WAIT (…); relay's client side nothing; …`. */
export function leftText(left: NonNullable<Passage['leftAt2s']>): string {
  return RELAY_ENDS.map(
    (end) => `${END_NAMES[end]}: ${left[end].map(socketText).join(', ') || 'nothing'}`,
  ).join(' · ');
}

function socketText({ state, isOrphan, endsBy }: LeftSocket): string {
  return `${state}${isOrphan ? ', orphaned' : ''} (${endsBy})`;
}

type Row = Pick<ProbeResult, 'id' | 'by' | 'passage' | 'verdict'>;

/** What each test had passed on as what, by the end at which it happened. Nothing if no relay was tested. */
export function formatRelayTable(results: readonly Row[]): string {
  const rows = [...new Set(results.filter(({ passage }) => passage).map(({ id }) => id))].map((id) => [
    id,
    ...(['client', 'server'] as const).map((by) =>
      cellOf(results.find((one) => one.id === id && (one.by === by || one.by === 'both'))),
    ),
  ]);
  if (rows.length === 0) return '';
  const all = [['', 'by the client', 'by the server'], ...rows];
  const widths = [0, 1].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)) + 2);
  const lines = all.map(([id = '', client = '', server = '']) =>
    `${pad(id, widths[0] ?? 0)}${pad(client, widths[1] ?? 0)}${server}`.trimEnd(),
  );
  return `\n${lines.join('\n')}\n`;
}

function cellOf(result: Row | undefined): string {
  if (!result) return '–';
  const { passedAs = null, afterMs = null } = result.passage ?? {};
  if (passedAs === null) return result.verdict;
  return afterMs === null ? passedAs : `${passedAs} ${formatTime(afterMs)}`;
}
