import type { Name } from '../../captures/connection/connection.ts';
import type { ConnectionResult, EndResult, ReadResult } from '../../captures/result.ts';
import { formatMs } from '../words/time.ts';
import { WIDEST_TABLE, wrap, wrapBeside } from './layout.ts';
import type { Style } from './style.ts';

/** More connections are counted, not told one by one. */
const MOST_TOLD = 20;

/** What `tcplab read` prints: the connections that wait for something first. */
export function formatRead(result: ReadResult, style: Style, columns = 80): string {
  const width = Math.min(columns, WIDEST_TABLE);
  const worstFirst = result.connections.toSorted((one, other) => rankOf(one) - rankOf(other));
  const told = worstFirst.slice(0, MOST_TOLD);
  const lines = [
    ...told.flatMap((one) => [...formatConnection(one, style, width), '']),
    ...summary(result, worstFirst, style, width),
  ];
  return `${lines.join('\n')}\n`;
}

/** All that is known of one connection. */
export function formatConnection(one: ConnectionResult, style: Style, width: number): string[] {
  const arrow = { a: '→', b: '←', both: '↔', unknown: '–' }[one.opener];
  const isWaiting = one.owed.length > 0;
  const title = `${one.number}  ${one.a} ${arrow} ${one.b}`;
  const names: readonly Name[] = one.a === one.b ? ['a'] : ['a', 'b'];
  return [
    (isWaiting ? style.unsure : style.bold)(wrap(title, width)),
    ...names.flatMap((name) => endLines(one, name, style, width)),
    ...[...verdictLines(one), ...hintOf(one)].flatMap((text) => wrapBeside('   ', text, width)),
    ...unknownLines(one, width).map((line) => style.dim(line)),
  ];
}

/** Where it probably was, and how fewer states follow from that. */
function hintOf({ place, ends, a, b }: ConnectionResult): string[] {
  if (!place || place.isSure) return [];
  if (place.at === 'between') return [`Probably captured between the ends: ${place.because}.`];
  if (ends.a.states.length === 1 && ends.b.states.length === 1) return [];
  const address = place.at === 'both' ? 'both' : addressOf(place.at === 'a' ? a : b);
  const near = place.at === 'both' ? 'both ends' : place.at;
  return [`Probably captured near ${near}: ${place.because}. If so, --at ${address} leaves fewer states.`];
}

function addressOf(endpoint: string): string {
  return endpoint.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}

/** What the lines above it do not say already. */
function unknownLines(one: ConnectionResult, width: number): string[] {
  const isHinted = hintOf(one).length > 0;
  const others = one.cannotKnow.filter(
    (text) => !text.startsWith('which of ') && !(isHinted && text.startsWith('where it was captured')),
  );
  return others.length === 0 ? [] : wrapBeside('   Unknown: ', `${others.join('; ')}.`, width);
}

function endLines({ ends, place }: ConnectionResult, name: Name, style: Style, width: number): string[] {
  const end = ends[name];
  const isNear = place?.isSure && (place.at === name || place.at === 'both');
  const near = isNear ? ' (near the capture)' : '';
  const [first = '', ...others] = end.states;
  const states = others.length === 0 ? first : `${first}, or ${others.join(', ')}`;
  const why =
    end.why === null ? [] : wrapBeside('      ', `${end.why}.`, width).map((line) => style.dim(line));
  return [...wrapBeside(`   ${name}  `, `${states}${near}: ${countsOf(end)}`, width), ...why];
}

function countsOf(end: EndResult): string {
  const counts: [number, string, string][] = [
    [end.segments, 'segment', 'segments'],
    [end.bytes, 'byte', 'bytes'],
    [end.unacknowledged, 'byte unacknowledged', 'bytes unacknowledged'],
    [end.retransmissions, 'retransmission', 'retransmissions'],
    [end.probes, 'probe', 'probes'],
    [end.zeroWindows, 'zero window', 'zero windows'],
  ];
  const told = counts.filter(([count], index) => index === 0 || count > 0);
  return told.map(([count, one, many]) => `${count} ${count === 1 ? one : many}`).join(', ');
}

/** What each end waits for, and what is wrong with that. */
const OWED: Readonly<Record<string, (owing: string, waiting: string) => string>> = {
  FIN: (owing, waiting) =>
    `${owing} owes a FIN: it acknowledged the FIN of ${waiting}, and the capture has none of its own. Its program has to call close(): no timer does.`,
  'ACK of FIN': (owing, waiting) =>
    `${owing} has not acknowledged the FIN of ${waiting}: the FIN or its ACK is lost, or the host of ${owing} is gone.`,
  'SYN-ACK': (owing) =>
    `${owing} has not answered the SYN: a packet filter drops it, the accept queue is full, or the host is gone.`,
  'ACK of SYN': (owing, waiting) =>
    `${owing} has not acknowledged the SYN-ACK of ${waiting}: the SYN-ACK or the ACK is lost.`,
  'ACK of data': (owing, waiting) => `${owing} has not acknowledged all data of ${waiting}.`,
  window: (owing, waiting) =>
    `${owing} offers no window: its program does not read, and ${waiting} may send nothing but probes.`,
};

function* verdictLines(one: ConnectionResult): Generator<string> {
  const { closedFirst, resetBy, owed, ends } = one;
  const isDoubtful = one.cannotKnow.some(
    (text) => text.startsWith('whether') && text.includes('sent the RST'),
  );
  if (resetBy !== null)
    yield isDoubtful ? `An RST in the name of ${resetBy}.` : `${resetBy} reset the connection.`;
  if (closedFirst === 'both') yield 'Both ends closed at the same time.';
  else if (closedFirst === 'a' || closedFirst === 'b') yield `${closedFirst} closed first.`;
  for (const text of owed) {
    const [owing, what] = text.split(': ') as [Name, string];
    const waiting = owing === 'a' ? 'b' : 'a';
    yield OWED[what]?.(owing, waiting) ?? text;
    const state = ends[what === 'FIN' || what === 'window' ? owing : waiting].states[0];
    if (what === 'FIN' || what === 'ACK of FIN' || what === 'SYN-ACK')
      yield `To see it live: tcplab hold ${state?.toLowerCase()}`;
  }
}

/** The worst first: connections that no timer ends, that wait, that were reset, that are open, that are over. */
function rankOf({ owed, resetBy, ends }: ConnectionResult): number {
  if (owed.some((what) => / (FIN|window)$/.test(what) && !what.includes('ACK'))) return 0;
  if (owed.length > 0) return 1;
  if (resetBy !== null) return 2;
  const isOver = [ends.a, ends.b].every(({ states }) => states[0] === 'CLOSED' || states[0] === 'TIME-WAIT');
  return isOver ? 4 : 3;
}

function summary(
  { file, connections }: ReadResult,
  worstFirst: ConnectionResult[],
  style: Style,
  width: number,
): string[] {
  const waiting = connections.filter(({ owed }) => owed.length > 0).length;
  const rest = worstFirst.length - MOST_TOLD;
  const lines = [
    `${count(connections.length, 'connection')} in ${formatMs(file.durationMs)}, ${count(file.packets, 'packet')}` +
      `${file.copies > 0 ? `, of which ${file.copies} were seen before` : ''}: ` +
      (waiting === 0
        ? 'none waits for its peer'
        : `${waiting} ${waiting === 1 ? 'waits' : 'wait'} for a peer`),
    ...(rest > 0 ? [`${rest} more are not shown: --connection N shows one, --json shows all`] : []),
    ...(file.dropped ? [`the capture itself lost ${count(file.dropped, 'packet')}`] : []),
    ...file.notes,
  ];
  return lines.map((line, index) => (index === 0 ? style.bold : style.dim)(wrap(line, width)));
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
