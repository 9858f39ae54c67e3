import type { Group } from './diagnosis.ts';
import { type PortUse, portsText } from './ports.ts';
import type { Scene } from './scene.ts';

/** What groups show together. Each in a sentence or two. */
export function findingsOf(groups: readonly Group[], full: readonly PortUse[], scene: Scene): string[] {
  return [...chains(groups), ...inherited(groups), ...full.map(portsText), ...errors(scene)];
}

/** A program in the middle: open to one side, and not closed towards the other, which has closed. */
function chains(groups: readonly Group[]): string[] {
  return groups.flatMap((left) => {
    if (left.holds !== 'program-did-not-close' || !left.owner) return [];
    const { pid, name } = left.owner;
    const open = groups.find(
      ({ holds, owner, state, local }) =>
        holds === 'open' && state === 'ESTABLISHED' && owner?.pid === pid && local !== left.local,
    );
    if (!open) return [];
    return [
      `A chain: ${name ?? 'process'} (pid ${pid}) has ${open.count} connections open at ${ends(open)}, and ` +
        `${left.count} that the other side has closed at ${ends(left)}. The leak is in ${name ?? 'this program'}, in the middle.`,
    ];
  });
}

function ends({ local, peer }: Group): string {
  return `${local} ↔ ${peer}`;
}

/** A process that holds what another has opened. */
function inherited(groups: readonly Group[]): string[] {
  const listeners = groups.filter(({ state }) => state === 'LISTEN');
  return groups.flatMap(({ holds, owner, count }) => {
    if (holds !== 'program-did-not-close' || !owner || owner.also) return [];
    const parent = listeners.find(({ holders }) => holders.some(({ pid }) => pid === owner.pid))?.owner;
    if (!parent || parent.pid === owner.pid) return [];
    return [
      `${owner.name ?? 'process'} (pid ${owner.pid}) alone holds ${count} connections that ${parent.name ?? 'process'} (pid ${parent.pid}) ` +
        'has accepted and closed: it has inherited the descriptors. They need close-on-exec (SOCK_CLOEXEC).',
    ];
  });
}

function errors({ known }: Scene): string[] {
  return known.isOutOfDescriptors
    ? ['A program got EMFILE or ENFILE: no descriptor was left. Leaked connections each hold one.']
    : [];
}
