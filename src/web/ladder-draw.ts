import type { FlightView, HostName, View } from '../report/pages/view-model.ts';
import { formatTime } from '../report/words/time.ts';
import { confirmedBy, whyChanged } from './change-words.ts';
import type { Frame, LadderItem, Stretch } from './ladder-rows.ts';
import { svg } from './nodes.ts';

type Of<What extends LadderItem['what']> = Extract<LadderItem, { what: What }>;

/** One item of a ladder as SVG, where its layout has it. */
export function drawItem(item: LadderItem, frame: Frame, view: View): SVGGElement {
  const isOther = item.what === 'flight' && item.flight.isOther;
  const node = svg('g', { class: `item ${item.what}${isOther ? ' other' : ''}`, 'data-key': item.key });
  node.append(...bodyOf(item, frame));
  if (frame.hasTimes && item.what !== 'pause') {
    const y = item.what === 'flight' ? item.departY + 4 : item.top + 14;
    node.append(svg('text', { class: 'at', x: 2, y }, formatTime(item.atMs - view.fromMs)));
  }
  return node;
}

/** Describes an item in one sentence. */
export function describe(item: LadderItem, view: View): string {
  const at = `${formatTime(item.atMs - view.fromMs)}: `;
  switch (item.what) {
    case 'flight':
      return at + describeFlight(item.flight);
    case 'call':
    case 'rule':
      return `${at}${item.host}: ${item.text}`;
    case 'state': {
      const { host, from, to, source } = item.change;
      return `${at}${host}: ${from} → ${to}, ${whyChanged(item.change)}; from ${source}${confirmedBy(item.change)}`;
    }
    case 'hold':
      return `${at}${item.host}: ${item.text}`;
    case 'note':
      return at + item.text;
    case 'pause':
      return `no event for ${item.text}`;
  }
}

function describeFlight(flight: FlightView): string {
  const { from, label, ending, rule, reason, departsMs, arrivesMs, crafted } = flight;
  const by = rule === null ? (reason === null ? '' : `: ${reason}`) : ` by rule ${rule}`;
  const way = from === 'client' ? 'client → server' : 'server → client';
  const fate =
    ending === 'delivered' && arrivesMs !== null
      ? `delivered after ${formatTime(Math.max(0, arrivesMs - departsMs))}`
      : `${ending}${by}`;
  return `${way}: ${label}; ${fate}${crafted ? '; sent by tcplab or a firewall, not by a socket' : ''}`;
}

/** A lifeline's stretch in one state, as far as it is within the slice. */
export function drawStretch(host: HostName, { state, top, bottom }: Stretch, frame: Frame): SVGElement {
  const width = 6;
  return svg('rect', {
    class: `life of-${state}`,
    'data-host': host,
    x: frame.x[host] - width / 2,
    y: top,
    width,
    height: Math.max(0, bottom - top),
  });
}

function bodyOf(item: LadderItem, frame: Frame): SVGElement[] {
  switch (item.what) {
    case 'flight':
      return drawFlight(item, frame);
    case 'call':
    case 'rule':
      return [...wall(item, frame), ...linesInside(item, frame)];
    case 'state':
      return drawState(item, frame);
    case 'hold':
      return linesInside({ ...item, lines: [item.text] }, frame);
    case 'note':
      return item.lines.map((line, index) => {
        const x = (frame.x.client + frame.x.server) / 2;
        return svg('text', { x, y: item.top + 15 + index * 17, 'text-anchor': 'middle' }, line);
      });
    case 'pause': {
      const x = (frame.x.client + frame.x.server) / 2;
      return [svg('text', { x, y: item.top + 15, 'text-anchor': 'middle' }, `⋮ ${item.text}`)];
    }
  }
}

function wall({ what, host, top, bottom }: Of<'call' | 'rule'>, frame: Frame): SVGElement[] {
  if (what !== 'rule') return [];
  const x = frame.x[host] + (host === 'client' ? 8 : -12);
  return [svg('rect', { class: 'wall', x, y: top + 2, width: 4, height: bottom - top - 4 })];
}

/** Between the lifelines, beside the host's. */
function linesInside(
  { what, host, top, lines }: { what: LadderItem['what']; host: HostName; top: number; lines: string[] },
  frame: Frame,
): SVGElement[] {
  const gap = what === 'rule' ? 20 : 14;
  const [x, anchor] = host === 'client' ? [frame.x.client + gap, 'start'] : [frame.x.server - gap, 'end'];
  return lines.map((line, index) =>
    svg('text', { x, y: top + 15 + index * 17, 'text-anchor': anchor }, line),
  );
}

function drawState({ change, top }: Of<'state'>, frame: Frame): SVGElement[] {
  const [x, y] = [frame.x[change.host], top + 14];
  const width = 108;
  const text = change.to + (change.arc === null && !change.why ? ' ?' : '');
  return [
    svg('rect', { class: `pill of-${change.to}`, x: x - width / 2, y: y - 11, width, height: 22, rx: 11 }),
    svg('text', { class: 'name', x, y: y + 4, 'text-anchor': 'middle' }, text),
  ];
}

/** How far a flight gets, as a share of its way. */
const REACH: Readonly<Record<FlightView['ending'], number>> = {
  delivered: 1,
  lost: 0.6,
  unseen: 0.6,
  'dropped at its sender': 0.13,
  'dropped at its receiver': 0.9,
};

function drawFlight({ flight, departY, arriveY }: Of<'flight'>, frame: Frame): SVGElement[] {
  const { from, ending, rule, reason, crafted, flags, label } = flight;
  const sign = from === 'client' ? 1 : -1;
  const start = frame.x[from] + sign * (crafted ? 18 : 4);
  const goal = frame.x[from === 'client' ? 'server' : 'client'] - sign * 5;
  const end = start + (goal - start) * REACH[ending];
  const endY = departY + (arriveY - departY) * REACH[ending];
  const parts: SVGElement[] = [
    // What a pointer and a finger can hit.
    svg('line', { class: 'target', x1: start, y1: departY, x2: goal, y2: arriveY }),
    svg('line', { class: 'shaft', x1: start, y1: departY, x2: end - sign * 2, y2: endY }),
  ];
  const isShort = ending === 'dropped at its sender';
  if (ending === 'delivered') {
    const slope = Math.atan2(endY - departY, end - start) * (180 / Math.PI);
    parts.push(
      svg('path', {
        class: 'tip',
        d: 'M0,0 L-10,-4.5 L-10,4.5 z',
        transform: `translate(${end},${endY}) rotate(${slope})`,
      }),
    );
  } else {
    const cross = `M${end - 5},${endY - 5} l10,10 m0,-10 l-10,10`;
    const by = rule === null ? (reason ?? 'dropped') : `rule ${rule}`;
    const why = ending === 'lost' || ending === 'unseen' ? (reason ?? ending) : by;
    const inward = isShort ? sign : -sign;
    const anchor = inward > 0 ? 'start' : 'end';
    parts.push(svg('path', { class: 'cross', d: cross }));
    parts.push(
      svg(
        'text',
        { class: 'why', x: end + inward * 11, y: endY + (isShort ? 4 : 15), 'text-anchor': anchor },
        why,
      ),
    );
  }
  const [x, anchor] = isShort
    ? [start + sign * 8, from === 'client' ? 'start' : 'end']
    : [(start + goal) / 2, 'middle'];
  const y = isShort ? departY - 9 : departY + (arriveY - departY) / 2 - 7;
  const kind = flags === null ? 'icmp' : flags.includes('R') ? 'reset' : '';
  parts.push(svg('text', { class: 'label', x, y, 'text-anchor': anchor }, label));
  const node = svg(
    'g',
    { class: `way ${kind} ${crafted ? 'crafted' : ''} ${ending === 'delivered' ? '' : 'stopped'}` },
    ...parts,
  );
  return [node];
}
