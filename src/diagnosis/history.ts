import type { Group } from './diagnosis.ts';

/** What became of like sockets between two looks. */
export interface GroupChange {
  what: 'came' | 'grew' | 'shrank' | 'went';
  state: Group['state'];
  holds: Group['holds'];
  local: string | null;
  peer: string | null;
  owner: Group['owner'];
  before: number;
  now: number;
}

/** The groups of one look after another. */
export class GroupHistory {
  #before: ReadonlyMap<string, Group> | undefined;
  /** How many were in CLOSE-WAIT at the first look, by their program. */
  #leaksAtFirst: ReadonlyMap<string, number> | undefined;
  #leaks: ReadonlyMap<string, number> = new Map();

  /** What changed since the last look; nothing at the first. */
  add(groups: readonly Group[]): GroupChange[] {
    const now = new Map(groups.map((group) => [keyOf(group), group]));
    const before = this.#before ?? now;
    this.#before = now;
    this.#leaks = leaksOf(groups);
    this.#leaksAtFirst ??= this.#leaks;
    return [...new Set([...before.keys(), ...now.keys()])].flatMap((key) => {
      const [was, is] = [before.get(key), now.get(key)];
      const [about, from, to] = [is ?? was, was?.count ?? 0, is?.count ?? 0];
      if (!about || from === to) return [];
      const what = !was ? 'came' : !is ? 'went' : to > from ? 'grew' : 'shrank';
      const { state, holds, local, peer, owner } = about;
      return [{ what, state, holds, local, peer, owner, before: from, now: to }];
    });
  }

  /** Whether a program has more connections that their peers have closed than at the first look. */
  get hasGainedLeaks(): boolean {
    return [...this.#leaks].some(([program, count]) => count > (this.#leaksAtFirst?.get(program) ?? 0));
  }
}

/** With one connection, the place is that of its port, and not that of all ports. */
function keyOf({ state, holds, local, peer, owner, uid }: Group): string {
  return [state, holds, local, peer, owner?.pid ?? `user ${uid}`].join(' ');
}

function leaksOf(groups: readonly Group[]): Map<string, number> {
  const leaks = new Map<string, number>();
  for (const { holds, wrong, owner, uid, count } of groups) {
    if (holds !== 'program-did-not-close' || !wrong) continue;
    const program = owner ? `pid ${owner.pid}` : `user ${uid}`;
    leaks.set(program, (leaks.get(program) ?? 0) + count);
  }
  return leaks;
}
