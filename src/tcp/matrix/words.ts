import type { State } from '../state.ts';
import { EVENTS, type Event } from './events.ts';
import { fits, fitsRow } from './fits.ts';
import { ROWS, type Row } from './rows.ts';

/** What an end sends in reply, by its flags; `none` is nothing. */
export type Answer = 'none' | 'ACK' | 'SYN' | 'SYN-ACK' | 'FIN' | 'DATA' | 'RST' | 'RST+ACK';

/** How much the text asks for it: by a keyword of RFC 2119, or only by describing it. */
type Level = 'MUST' | 'SHOULD' | 'MAY' | 'text';

/** One outcome that the RFCs name or allow. */
export interface Outcome {
  answer: Answer;
  after: State;
  /** Of RFC 9293 where no other is named. */
  clause: string;
  level: Level;
}

/** `=`: the state stays. `LISTEN/CLOSED`: LISTEN after a passive open. */
type Target = State | '=' | 'LISTEN/CLOSED';
type Told = [answer: Answer, after: Target, level: Level, clause: string];

/** For these events in these rows, by name or state, separated by blanks; `*` is all. The first line that fits holds. */
export type Line = [events: string, rows: string, told: Told, ...allowed: Told[]];

const SYNS = 'syn-new syn+data syn+fin syn-ack-win syn-ack-badack';
const OLD_ACK = 'ack-una fin fin-again fin+data fin-future data data-future data-out data-old urg';
const CLOSED_END = 'FIN-WAIT-1_(closed) FIN-WAIT-2_(closed)';
const RECEIVING = 'ESTABLISHED FIN-WAIT-1 FIN-WAIT-2';
const FIN_RECEIVED = 'CLOSE-WAIT CLOSING LAST-ACK TIME-WAIT';
const CHALLENGE = '3.10.7.4, fourth: SYN (RFC 5961, 4)';
const OUTSIDE = '3.10.7.4, first: sequence number';
const ACK_OFF = '3.10.7.4, fifth: ACK';
const EXISTS: Told = ['none', '=', 'text', '3.10.1: error, connection already exists'];
const RFC5961_ACK: Told = ['ACK', '=', 'MAY', '3.10.7.4, fifth: ACK (MAY-12; RFC 5961, 5)'];

/** What a SYN in the window does. */
const IN_WINDOW: [Told, ...Told[]] = [
  ['ACK', '=', 'text', CHALLENGE],
  ['RST', 'CLOSED', 'text', '3.10.7.4, fourth: SYN, without RFC 5961'],
  ['RST+ACK', 'CLOSED', 'text', '3.10.7.4, fourth: SYN, without RFC 5961'],
];

/** Reading RFC 9293, 3.10, from the top. What a segment does is the first step of 3.10.7.4 that ends its processing. */
export const LINES: readonly Line[] = [
  ['nothing', '*', ['none', '=', 'text', '3.10: no event']],

  // 3.9.2.2. Hard errors are often taken as soft after the handshake (RFC 5461, 4.1).
  ['icmp-soft', '*', ['none', '=', 'MUST', '3.9.2.2: soft error (MUST-56)']],
  ['icmp-hard icmp-proto', 'CLOSED LISTEN', ['none', '=', 'text', '3.9.2.2: no such connection']],
  [
    'icmp-hard icmp-proto',
    '*',
    ['none', 'LISTEN/CLOSED', 'SHOULD', '3.9.2.2: hard error'],
    ['none', '=', 'MAY', 'RFC 5461, 4.1; RFC 5927, 5.2'],
  ],

  // 3.10.7.1
  ['rst-exact rst-win rst-out rst-old rst-ack rst-badack', 'CLOSED', ['none', '=', 'text', '3.10.7.1: RST']],
  [
    'syn-new syn-same syn-out syn+data syn+fin fin-noack data-noack no-flags',
    'CLOSED',
    ['RST+ACK', '=', 'text', '3.10.7.1: no ACK'],
  ],
  [
    `${SYNS} syn-ack ack-ok ack-too-new ack-too-old fin-ack fin-psh data-ack ${OLD_ACK}`,
    'CLOSED',
    ['RST', '=', 'text', '3.10.7.1: ACK'],
  ],

  // 3.10.7.2
  [
    'rst-exact rst-win rst-out rst-old rst-ack rst-badack',
    'LISTEN',
    ['none', '=', 'text', '3.10.7.2, first: RST'],
  ],
  [
    `syn-ack syn-ack-win syn-ack-badack ack-ok ack-too-new ack-too-old fin-ack fin-psh data-ack ${OLD_ACK}`,
    'LISTEN',
    ['RST', '=', 'text', '3.10.7.2, second: ACK'],
  ],
  [
    'syn-new syn-same syn-out syn+data syn+fin',
    'LISTEN',
    ['SYN-ACK', 'SYN-RECEIVED', 'text', '3.10.7.2, third: SYN'],
  ],
  ['fin-noack data-noack no-flags', 'LISTEN', ['none', '=', 'text', '3.10.7.2, fourth: other']],

  // 3.10.7.3
  ['rst-ack', 'SYN-SENT', ['none', 'CLOSED', 'text', '3.10.7.3, second: RST']],
  [
    'rst-exact rst-win rst-out rst-old rst-badack',
    'SYN-SENT',
    ['none', '=', 'text', '3.10.7.3, second: RST'],
  ],
  ['syn-ack syn-ack-win', 'SYN-SENT', ['ACK', 'ESTABLISHED', 'text', '3.10.7.3, fourth: SYN']],
  [
    `syn-ack-badack ack-too-new ack-too-old ${OLD_ACK}`,
    'SYN-SENT',
    ['RST', '=', 'text', '3.10.7.3, first: ACK'],
  ],
  [
    'syn-new syn-same syn-out syn+data syn+fin',
    'SYN-SENT',
    ['SYN-ACK', 'SYN-RECEIVED', 'MUST', '3.10.7.3, fourth: SYN (MUST-10)'],
  ],
  [
    'ack-ok fin-ack fin-psh fin-noack data-ack data-noack no-flags',
    'SYN-SENT',
    ['none', '=', 'text', '3.10.7.3, fifth: no SYN, no RST'],
  ],

  // 3.10.7.4, first: sequence number. A TIME-WAIT may take a new SYN before that.
  ['rst-out rst-old', '*', ['none', '=', 'MUST', '3.10.7.4, second: RST (RFC 5961, 3)']],
  [
    'syn-new syn+data syn+fin syn-out',
    'TIME-WAIT',
    ['ACK', '=', 'text', CHALLENGE],
    ['SYN-ACK', 'SYN-RECEIVED', 'MAY', '3.6.1 (MAY-2; RFC 6191)'],
  ],
  [
    'syn-same',
    'SYN-RECEIVED',
    ['ACK', '=', 'text', OUTSIDE],
    ['SYN-ACK', '=', 'MAY', '3.8.1: the SYN-ACK is retransmitted'],
  ],
  [
    'syn-ack',
    'SYN-RECEIVED_(active)',
    ['ACK', '=', 'text', OUTSIDE],
    ['ACK', 'ESTABLISHED', 'text', '3.5, figure 7'],
    ['none', 'ESTABLISHED', 'text', '3.5, figure 7'],
  ],
  ['syn-same syn-out syn-ack data-old data-out fin-again', '*', ['ACK', '=', 'text', OUTSIDE]],

  // Second: RST
  [
    'rst-exact rst-ack rst-badack',
    'TIME-WAIT',
    ['none', 'CLOSED', 'text', '3.10.7.4, second: RST'],
    ['none', '=', 'MAY', 'RFC 1337, 3'],
  ],
  ['rst-exact rst-ack rst-badack', '*', ['none', 'LISTEN/CLOSED', 'MUST', '3.10.7.4, second: RST']],
  [
    'rst-win',
    '*',
    ['ACK', '=', 'MUST', '3.10.7.4, second: RST (RFC 5961, 3)'],
    ['none', 'LISTEN/CLOSED', 'text', 'RFC 793, 3.9: RST in the window'],
  ],

  // Fourth: SYN
  [SYNS, 'SYN-RECEIVED_(active)', ...IN_WINDOW],
  [SYNS, 'SYN-RECEIVED', ['none', 'LISTEN', 'text', '3.10.7.4, fourth: SYN']],
  [SYNS, '*', ...IN_WINDOW],

  // Fifth: ACK
  [
    'fin-noack data-noack',
    'TIME-WAIT',
    ['none', '=', 'text', ACK_OFF],
    ['ACK', '=', 'text', '3.10.7.4, first: sequence number, with no window left'],
  ],
  ['fin-noack data-noack no-flags', '*', ['none', '=', 'text', ACK_OFF]],
  ['ack-ok', 'SYN-RECEIVED', ['none', 'ESTABLISHED', 'text', ACK_OFF]],
  ['fin-ack fin-psh', 'SYN-RECEIVED', ['ACK', 'CLOSE-WAIT', 'text', '3.10.7.4, eighth: FIN']],
  [
    'data-ack',
    'SYN-RECEIVED',
    ['ACK', 'ESTABLISHED', 'text', '3.10.7.4, seventh: text'],
    ['none', 'ESTABLISHED', 'SHOULD', '3.8.6.3: delayed ACK'],
  ],
  [`ack-too-new ack-too-old ${OLD_ACK}`, 'SYN-RECEIVED', ['RST', '=', 'text', ACK_OFF], RFC5961_ACK],
  ['ack-ok ack-una', 'ESTABLISHED CLOSE-WAIT FIN-WAIT-2', ['none', '=', 'text', ACK_OFF]],
  ['ack-ok', 'FIN-WAIT-1', ['none', 'FIN-WAIT-2', 'text', ACK_OFF]],
  ['ack-ok', 'CLOSING', ['none', 'TIME-WAIT', 'text', ACK_OFF]],
  ['ack-ok fin-ack fin-psh data-ack', 'LAST-ACK', ['none', 'CLOSED', 'text', ACK_OFF]],
  ['ack-una', '*', ['none', '=', 'text', ACK_OFF]],
  ['ack-ok', 'TIME-WAIT', ['none', '=', 'text', ACK_OFF], ['ACK', '=', 'text', ACK_OFF]],
  ['ack-too-new ack-too-old', 'TIME-WAIT', ['none', '=', 'text', ACK_OFF], ['ACK', '=', 'text', ACK_OFF]],
  ['ack-too-new', '*', ['ACK', '=', 'text', ACK_OFF]],
  ['ack-too-old', '*', ['none', '=', 'text', ACK_OFF], RFC5961_ACK],

  // Seventh: text
  [
    'data data-ack data-future urg fin+data',
    CLOSED_END,
    ['RST', 'CLOSED', 'SHOULD', '3.6.1: data after CLOSE (SHLD-3)'],
    ['RST+ACK', 'CLOSED', 'SHOULD', '3.6.1: data after CLOSE (SHLD-3)'],
  ],
  [
    'data-ack',
    'FIN-WAIT-1',
    ['ACK', 'FIN-WAIT-2', 'text', '3.10.7.4, seventh: text'],
    ['none', 'FIN-WAIT-2', 'SHOULD', '3.8.6.3: delayed ACK'],
  ],
  ['data-future', RECEIVING, ['ACK', '=', 'SHOULD', '3.10.7.4, first: held; RFC 5681, 4.2: ACK at once']],
  [
    'data data-ack urg',
    RECEIVING,
    ['ACK', '=', 'text', '3.10.7.4, seventh: text'],
    ['none', '=', 'SHOULD', '3.8.6.3: delayed ACK'],
  ],
  ['data-ack', 'CLOSING', ['none', 'TIME-WAIT', 'text', ACK_OFF]],
  [
    'data data-ack data-future urg',
    FIN_RECEIVED,
    ['none', '=', 'text', '3.10.7.4, seventh: text'],
    ['ACK', '=', 'text', '3.10.7.4, fifth: ACK, in TIME-WAIT'],
  ],

  // Eighth: FIN
  ['fin-future', RECEIVING, ['ACK', '=', 'SHOULD', '3.10.7.4, first: held; RFC 5681, 4.2: ACK at once']],
  ['fin fin-ack fin-psh fin+data', 'ESTABLISHED', ['ACK', 'CLOSE-WAIT', 'text', '3.10.7.4, eighth: FIN']],
  ['fin-ack fin-psh', 'FIN-WAIT-1', ['ACK', 'TIME-WAIT', 'text', '3.10.7.4, eighth: FIN']],
  ['fin fin+data', 'FIN-WAIT-1', ['ACK', 'CLOSING', 'text', '3.10.7.4, eighth: FIN']],
  ['fin fin-ack fin-psh fin+data', 'FIN-WAIT-2', ['ACK', 'TIME-WAIT', 'text', '3.10.7.4, eighth: FIN']],
  [
    'fin-ack fin-psh',
    'CLOSING',
    ['none', 'TIME-WAIT', 'text', ACK_OFF],
    ['ACK', 'TIME-WAIT', 'text', '3.10.7.4, eighth: FIN'],
  ],
  ['fin fin-ack fin-psh fin+data', 'TIME-WAIT', ['ACK', '=', 'text', ACK_OFF]],
  ['fin-future', 'TIME-WAIT', ['none', '=', 'text', ACK_OFF], ['ACK', '=', 'text', ACK_OFF]],
  ['fin fin+data fin-future', 'CLOSING', ['none', '=', 'text', ACK_OFF]],
  [
    'fin fin-ack fin-psh fin+data fin-future',
    'CLOSE-WAIT LAST-ACK',
    ['none', '=', 'text', '3.10.7.4, eighth: FIN'],
    ['ACK', '=', 'text', '3.10.7.4, eighth: FIN'],
  ],

  // 3.10.1
  ['call-listen', 'CLOSED', ['none', 'LISTEN', 'text', '3.10.1']],
  ['call-connect', 'CLOSED LISTEN', ['SYN', 'SYN-SENT', 'text', '3.10.1']],
  ['call-listen call-connect', '*', EXISTS],
  // 3.10.2
  ['call-send', 'ESTABLISHED CLOSE-WAIT', ['DATA', '=', 'text', '3.10.2']],
  ['call-send', '*', ['none', '=', 'text', '3.10.2']],
  // 3.10.3
  ['call-recv', '*', ['none', '=', 'text', '3.10.3']],
  // 3.10.4
  [
    'call-shutdown',
    'LISTEN',
    ['none', 'CLOSED', 'text', '3.10.4'],
    ['none', '=', 'text', 'POSIX.1, shutdown(): a listener has no direction to close'],
  ],
  ['call-shutdown call-close', 'LISTEN SYN-SENT', ['none', 'CLOSED', 'text', '3.10.4']],
  [
    'call-shutdown call-close',
    'SYN-RECEIVED',
    ['FIN', 'FIN-WAIT-1', 'text', '3.10.4'],
    ['none', '=', 'text', '3.10.4: queued until ESTABLISHED'],
  ],
  ['call-shutdown call-close', 'ESTABLISHED', ['FIN', 'FIN-WAIT-1', 'text', '3.10.4']],
  ['call-shutdown call-close', 'CLOSE-WAIT', ['FIN', 'LAST-ACK', 'text', '3.10.4']],
  ['call-shutdown call-close', '*', ['none', '=', 'text', '3.10.4']],
  // 3.10.5
  ['call-abort', 'CLOSED', ['none', '=', 'text', '3.10.5']],
  [
    'call-abort',
    'SYN-RECEIVED ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 CLOSE-WAIT',
    ['RST', 'CLOSED', 'text', '3.10.5'],
    ['RST+ACK', 'CLOSED', 'text', '3.10.7.1: a reset may acknowledge'],
  ],
  ['call-abort', '*', ['none', 'CLOSED', 'text', '3.10.5']],
];

/** The outcomes that the RFCs ask for or allow in a cell: the first is their word, the others are allowed too. */
export function outcomesOf(row: Row, event: Event): Outcome[] {
  const line = lineOf(row, event);
  if (!line) throw new Error(`no line has ${event.name} in ${row.name}: add one to src/tcp/matrix/words.ts`);
  const [, , ...told] = line;
  return told.map(([answer, after, level, clause]) => ({
    answer,
    after: stateOf(after, row),
    clause,
    level,
  }));
}

/** The line that holds for a cell. */
export function lineOf(row: Row, event: Event): Line | undefined {
  return LINES.find(([events, rows]) => fits(events, event.name) && fitsRow(rows, row));
}

function stateOf(target: Target, { name, state }: Row): State {
  if (target === '=') return state;
  if (target === 'LISTEN/CLOSED') return name === 'SYN-RECEIVED' ? 'LISTEN' : 'CLOSED';
  return target;
}

/** Everything that happens in every state. */
export function allCells(): { row: Row; event: Event }[] {
  return ROWS.flatMap((row) => EVENTS.map((event) => ({ row, event })));
}
