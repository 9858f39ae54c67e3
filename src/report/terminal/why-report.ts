import type { Group } from '../../diagnosis/diagnosis.ts';
import type { GroupChange } from '../../diagnosis/history.ts';
import { counted } from '../../evidence/counted.ts';
import { roughly } from '../../evidence/durations.ts';
import type { WhyReport } from '../story/why.ts';
import { pad, wrap, wrapBeside } from './layout.ts';
import type { Style } from './style.ts';

/** Lines of prose get no longer, however wide the terminal is. */
const WIDEST = 100;
const LABEL = 12;
/** Of the lines that could not be read, so many are shown. */
const MOST_UNREAD = 10;

interface Layout {
  style: Style;
  width: number;
}

/** The answer of `tcplab why`: the verdict, each group that is wrong with all that is known of it, and the healthy ones in a line each. */
export function formatWhy(report: WhyReport, { style, width: columns }: Layout): string {
  const layout = { style, width: Math.min(columns, WIDEST) };
  const { verdict, groups, findings, cannotKnow } = report;
  const colour = verdict.wrong ? style.bad : verdict.culprit === null ? style.unsure : style.good;
  const worrying = groups.filter(isWorrying);
  const rest = groups.filter((group) => !isWorrying(group));
  const blocks = [
    colour(wrap(verdict.says, layout.width)),
    ...worrying.map((group) => formatGroup(group, layout)),
    ...(rest.length > 0 ? [formatRest(rest, worrying.length > 0, layout)] : []),
    ...(findings.length > 0 ? [formatList('Together:', findings, layout)] : []),
    ...(cannotKnow.length > 0
      ? [style.dim(formatList("Can't be known from this:", cannotKnow, layout))]
      : []),
    ...(report.unread.length > 0 ? [formatUnread(report.unread, layout)] : []),
  ];
  return `${blocks.join('\n\n')}\n`;
}

/** `12:30:01  CLOSE-WAIT  3 → 5  10.20.0.20:8080 ↔ 10.20.0.10:*  app (pid 7)` */
export function formatChange(change: GroupChange, at: string, { width }: Layout): string {
  const { state, before, now, local, peer, owner } = change;
  const place = placeOf({ local, peer });
  return wrap(
    [at, state, `${before} → ${now}`, place, ownerOf({ owner, uid: null })].filter(Boolean).join('  '),
    width,
  );
}

function isWorrying({ wrong, culprit, holds }: Group): boolean {
  return wrong || culprit === null || (holds === 'program-did-not-close' && culprit === 'nobody');
}

function formatGroup(group: Group, layout: Layout): string {
  const { style, width } = layout;
  const { since, evidence, holders, owner, certain } = group;
  const head = [stateOf(group), counted(group.count, 'socket'), placeOf(group), ownerOf(group)];
  const lines = [
    labelled('What', group.what, width),
    labelled('Since', since ? `${roughly(since.seconds * 1000)} (${since.from})` : 'not shown', width),
    labelled('Ends', endsText(group), width),
    labelled('Must act', group.act, width),
    ...(evidence.length > 0 ? [labelled('Evidence', evidence.join(' '), width)] : []),
    ...(owner && holders.some(({ fd }) => fd !== null)
      ? [labelled('Descriptors', holdersText(group), width)]
      : []),
    ...(certain ? [labelled('To be sure', certain, width)] : []),
    labelled('Rebuild it', group.lab, width),
  ];
  return [style.bold(wrap(head.filter(Boolean).join('  '), width)), ...lines].join('\n');
}

function stateOf({ state, conntrack }: Group): string {
  return state === 'conntrack' ? `conntrack ${conntrack}` : state;
}

function placeOf({ local, peer }: Pick<Group, 'local' | 'peer'>): string {
  if (local === null) return '';
  return peer === null ? local : `${local} ↔ ${peer}`;
}

function ownerOf({ owner, uid }: Pick<Group, 'owner' | 'uid'>): string {
  if (owner) {
    const also = owner.also ? `, ${owner.also.name ?? 'process'} (pid ${owner.also.pid})` : '';
    return `${owner.name ?? 'process'} (pid ${owner.pid})${also}`;
  }
  return uid === null ? '' : `user ${uid}`;
}

function endsText({ ends }: Group): string {
  const { how, whenSeconds, says } = ends;
  if (how === 'never') return `never. ${says}`;
  if (how === 'program' || whenSeconds === null) return says;
  const about = ends.tolerance !== null && ends.tolerance > 2 ? 'about ' : '';
  const atMost = /^At most/.test(says);
  return `${atMost ? 'within ' : `in ${about}`}${roughly(whenSeconds * 1000)}. ${says}`;
}

function holdersText({ holders, count }: Group): string {
  const shown = holders.slice(0, 8).map(({ fd, pid }) => `${pid}:${fd ?? '?'}`);
  return `${shown.join(', ')}${holders.length > shown.length || count > holders.length ? ', …' : ''} (pid:fd)`;
}

/** Groups about which there is nothing to say but that they are there. */
function formatRest(groups: readonly Group[], isBeside: boolean, { style, width }: Layout): string {
  const rows = groups.map((group) => ({
    state: stateOf(group),
    count: String(group.count),
    place: placeOf(group),
    owner: ownerOf(group),
  }));
  const widest = (of: (row: (typeof rows)[number]) => string) =>
    Math.max(...rows.map((row) => of(row).length));
  const [states, counts, places] = [
    widest(({ state }) => state),
    widest(({ count }) => count),
    widest(({ place }) => place),
  ];
  const lines = rows.map(({ state, count, place, owner }) => {
    const line =
      `${pad(state, states)}  ${count.padStart(counts)}  ${pad(place, places)}  ${owner}`.trimEnd();
    return line.length <= width ? line : wrap([state, count, place, owner].filter(Boolean).join('  '), width);
  });
  return [...(isBeside ? [style.bold('Healthy:')] : []), ...lines].join('\n');
}

function formatList(title: string, items: readonly string[], { width }: Layout): string {
  return [title, ...items.flatMap((item) => wrapBeside('  - ', item, width))].join('\n');
}

function formatUnread(unread: WhyReport['unread'], layout: Layout): string {
  const shown = unread
    .slice(0, MOST_UNREAD)
    .map(({ line, text, why }) => `line ${line}: ${why}: ${text.slice(0, 80)}`);
  const more = unread.length - shown.length;
  return formatList(
    'Not read:',
    more > 0 ? [...shown, `${counted(more, 'more line')} (--json has all)`] : shown,
    layout,
  );
}

function labelled(label: string, text: string, width: number): string {
  if (width < 60) return wrapBeside('  ', `${label}: ${text}`, width).join('\n');
  return wrapBeside(`  ${pad(`${label}:`, LABEL)} `, text, width).join('\n');
}
