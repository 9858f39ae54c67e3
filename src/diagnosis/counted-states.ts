import type { TableRow } from '../tables/row.ts';
import type { Group } from './diagnosis.ts';
import type { GroupOrigin } from './groups.ts';
import { judge } from './judge.ts';
import { Scene } from './scene.ts';
import { actOf, certainOf, labOf, whatOf } from './words.ts';

type Origin = Group & GroupOrigin;

/**
 * Groups and the counts by state that a paste shows too: they count the same sockets. A count is more than the rows where those were
 * cut. A table of one process alone can't show whose the counted sockets are: of them only the count is certain.
 */
export function withCounts(groups: readonly Origin[], counts: readonly TableRow[], scene: Scene): Origin[] {
  let all = [...groups];
  for (const row of counts) {
    const alike = all.filter(({ state }) => state === row.state);
    const shown = alike.reduce((sum, { count }) => sum + count, 0);
    const [only, ...more] = alike;
    const isBiased =
      alike.length > 0 && alike.every(({ isOneProcess, tables }) => isOneProcess && tables === 1);
    if (only && row.count <= shown && !isBiased) continue;
    if (only && more.length === 0 && !isBiased) {
      all = all.map((group) => (group === only ? { ...only, count: row.count, shown } : group));
    } else if (isBiased && row.count >= shown) {
      all = [...all.filter((group) => !alike.includes(group)), bare(row, alike, scene)];
    } else if (row.count > shown) {
      all.push(bare({ ...row, count: row.count - shown }, [], scene));
    }
  }
  return all;
}

/** A count of which no ends are shown. */
function bare(row: TableRow, instead: readonly Origin[], scene: Scene): Origin {
  const socket = { ...row, tables: 1, isOneProcess: false, asRoot: null, hidesOwners: false };
  const { isPassing: _isPassing, ...finding } = judge(socket, new Scene([], scene.known));
  const shown = instead.map(
    ({ count, owner, local, peer }) =>
      `A table of one process shows ${count} of them: ${owner?.name ?? 'process'} (pid ${owner?.pid}), ${local} ↔ ${peer}.`,
  );
  const group = {
    ...finding,
    state: row.state ?? ('CLOSED' as const),
    count: row.count,
    local: null,
    peer: null,
    owner: null,
    holders: [],
    uid: null,
    evidence: [`Counted ${row.count}; the count shows no ends.`, ...shown],
    lines: row.line > 0 ? [row.line] : [],
    wrong: finding.culprit !== 'nobody',
    tables: 1,
    isOneProcess: false,
  };
  const about = { ...group, service: null, isPassing: false };
  return {
    ...group,
    what: whatOf(about),
    act: actOf(about),
    certain: certainOf(about, scene),
    lab: labOf(about),
  };
}
