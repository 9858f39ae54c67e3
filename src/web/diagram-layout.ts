import type { Change } from '../report/pages/view-model.ts';

type State = Change['from'];

/** A manual layout of RFC 9293's figure 5, three states wide so that it fits on a phone. */
export const SIZE = { width: 420, height: 560 };
export const BOX = { width: 108, height: 34 };

/** The middle of each state's box. */
export const PLACES: Readonly<Record<State, readonly [x: number, y: number]>> = {
  CLOSED: [210, 30],
  LISTEN: [210, 112],
  'SYN-RECEIVED': [72, 190],
  'SYN-SENT': [348, 190],
  ESTABLISHED: [210, 268],
  'FIN-WAIT-1': [72, 348],
  'CLOSE-WAIT': [348, 348],
  'FIN-WAIT-2': [72, 438],
  CLOSING: [210, 438],
  'LAST-ACK': [348, 438],
  'TIME-WAIT': [210, 528],
};

export interface Route {
  from: State;
  to: State;
  /** An SVG path that ends at the box it leads to. */
  path: string;
  /** Its trigger in a word, and where to draw it; most of the figure's transitions have one. */
  label?: { text: string; x: number; y: number; anchor: 'start' | 'middle' | 'end' };
}

function route(from: State, to: State, path: string, ...label: [] | [string, number, number, Anchor]): Route {
  const [text, x, y, anchor] = label;
  if (text === undefined || x === undefined || y === undefined || anchor === undefined)
    return { from, to, path };
  return { from, to, path, label: { text, x, y, anchor } };
}

type Anchor = 'start' | 'middle' | 'end';

const RIGHT_RAIL = 'q6,0 6,-6 V30 q0,-6 -6,-6 H268';
const LEFT_RAIL = 'h-3 q-6,0 -6,-6 V30 q0,-6 6,-6 H152';

/** The arcs of the figure, which are always there. */
export const FIGURE: readonly Route[] = [
  route('CLOSED', 'LISTEN', 'M198,47 V92', 'listen', 192, 74, 'end'),
  route('LISTEN', 'CLOSED', 'M222,95 V50', 'close', 228, 74, 'start'),
  route('CLOSED', 'SYN-SENT', 'M264,38 C330,46 356,100 356,170', 'connect', 318, 82, 'end'),
  route('SYN-SENT', 'CLOSED', `M402,184 h4 ${RIGHT_RAIL}`, 'close', 398, 166, 'end'),
  route('LISTEN', 'SYN-RECEIVED', 'M156,108 C100,112 60,136 58,170', 'SYN', 70, 130, 'end'),
  route('SYN-RECEIVED', 'LISTEN', 'M96,173 C104,146 128,130 153,122', 'RST', 126, 152, 'start'),
  route('LISTEN', 'SYN-SENT', 'M264,116 C300,122 322,140 332,170', 'connect', 296, 146, 'end'),
  route('SYN-SENT', 'SYN-RECEIVED', 'M294,192 H129', 'SYN', 210, 186, 'middle'),
  route('SYN-RECEIVED', 'ESTABLISHED', 'M112,207 C124,236 136,252 153,260', 'ACK', 134, 228, 'start'),
  route('SYN-SENT', 'ESTABLISHED', 'M308,207 C296,236 284,252 267,260', 'SYN-ACK', 288, 228, 'end'),
  route('SYN-RECEIVED', 'FIN-WAIT-1', 'M60,207 V328', 'close', 54, 272, 'end'),
  route('ESTABLISHED', 'FIN-WAIT-1', 'M168,285 C150,308 128,318 106,330', 'close', 124, 306, 'end'),
  route('ESTABLISHED', 'CLOSE-WAIT', 'M252,285 C270,308 292,318 314,330', 'FIN', 298, 306, 'start'),
  route('FIN-WAIT-1', 'FIN-WAIT-2', 'M60,365 V418', 'ACK', 54, 396, 'end'),
  route('FIN-WAIT-1', 'CLOSING', 'M116,365 C134,392 160,404 184,419', 'FIN', 166, 396, 'start'),
  route('FIN-WAIT-1', 'TIME-WAIT', 'M92,365 C128,398 141,412 141,438 C141,474 156,494 176,509'),
  route('FIN-WAIT-2', 'TIME-WAIT', 'M72,455 C74,500 108,522 153,526', 'FIN', 80, 506, 'end'),
  route('CLOSING', 'TIME-WAIT', 'M210,455 V508', 'ACK', 216, 486, 'start'),
  route('CLOSE-WAIT', 'LAST-ACK', 'M348,365 V418', 'close', 354, 396, 'start'),
  route('LAST-ACK', 'CLOSED', `M402,438 h4 ${RIGHT_RAIL}`, 'ACK', 398, 414, 'end'),
  route('TIME-WAIT', 'CLOSED', `M264,528 H406 ${RIGHT_RAIL}`, '2 MSL', 272, 522, 'start'),
];

/** Transitions in the RFC's text but not in its figure: resets, timeouts, reuse of ports. Shown when they occur. */
const BESIDES: readonly Route[] = [
  route('SYN-RECEIVED', 'CLOSED', `M18,184 ${LEFT_RAIL}`),
  route('FIN-WAIT-1', 'CLOSED', `M18,342 ${LEFT_RAIL}`),
  route('FIN-WAIT-2', 'CLOSED', `M18,432 ${LEFT_RAIL}`),
  route('ESTABLISHED', 'CLOSED', `M264,268 H406 ${RIGHT_RAIL}`),
  route('CLOSE-WAIT', 'CLOSED', `M402,342 h4 ${RIGHT_RAIL}`),
  route('CLOSING', 'CLOSED', `M264,444 h9 q6,0 6,6 V468 q0,6 6,6 H406 ${RIGHT_RAIL}`),
  route('TIME-WAIT', 'SYN-RECEIVED', 'M156,536 H15 q-6,0 -6,-6 V202 q0,-6 6,-6 H15'),
];

/** A transition's route; one without a layout is a straight line. */
export function routeOf(from: State, to: State): Route {
  const isIt = (one: Route) => one.from === from && one.to === to;
  return FIGURE.find(isIt) ?? BESIDES.find(isIt) ?? route(from, to, straight(from, to));
}

function straight(from: State, to: State): string {
  const [[x1, y1], [x2, y2]] = [PLACES[from], PLACES[to]];
  const [dx, dy] = [x2 - x1, y2 - y1];
  // From the edge of one box to the edge of the other.
  const [halfWidth, halfHeight] = [BOX.width / 2, BOX.height / 2];
  const part = Math.min(
    dx === 0 ? 1 : halfWidth / Math.abs(dx),
    dy === 0 ? 1 : halfHeight / Math.abs(dy),
    0.5,
  );
  const point = (share: number) => `${Math.round(x1 + dx * share)},${Math.round(y1 + dy * share)}`;
  return `M${point(part)} L${point(1 - part)}`;
}
