import { endpointText } from '../tables/endpoint.ts';
import type { Group } from './diagnosis.ts';
import type { Scene } from './scene.ts';

/** Ports towards one destination, of which each connection needs one of its own. */
export interface PortUse {
  /** The address of this host, and where the connections go. */
  local: string;
  peer: string;
  used: number;
  timeWait: number;
  /** Of how many: net.ipv4.ip_local_port_range. */
  available: number;
}

/** From so large a share on, connect() may fail. */
const NEARLY_ALL = 0.9;

/** The destinations towards which nearly all ports are used, or some if EADDRNOTAVAIL was shown; the fullest first. */
export function usedUp(scene: Scene): PortUse[] {
  const { ports, isOutOfPorts } = scene.known;
  const [first, last] = ports;
  const uses = new Map<string, Map<number, PortUse>>();
  for (const socket of scene.sockets) {
    const { local, peer, state } = socket;
    if (!local || !peer || local.port === null || local.port < first || local.port > last) continue;
    if (scene.serviceOf(socket) !== 'peer') continue;
    const ofAddress = uses.get(local.address) ?? new Map<number, PortUse>();
    uses.set(local.address, ofAddress);
    const number = scene.numberOf(peer);
    let use = ofAddress.get(number);
    if (!use) {
      use = {
        local: local.address,
        peer: endpointText(peer),
        used: 0,
        timeWait: 0,
        available: last - first + 1,
      };
      ofAddress.set(number, use);
    }
    use.used++;
    if (state === 'TIME-WAIT') use.timeWait++;
  }
  const all = [...uses.values()].flatMap((each) => [...each.values()]).sort((a, b) => b.used - a.used);
  const full = all.filter(({ used, available }) => used >= NEARLY_ALL * available);
  // The table may show a part of them.
  return full.length > 0 || !isOutOfPorts ? full : all.filter(({ used }) => used > 1).slice(0, 1);
}

/** Makes the TIME-WAITs that use up the ports what is wrong: a program that closes first, and opens more than there are ports. */
export function blamePorts<G extends Group>(groups: readonly G[], full: readonly PortUse[]): G[] {
  return groups.map((group) => {
    if (group.state !== 'TIME-WAIT') return group;
    const use = full.find(({ peer, timeWait, used }) => peer === group.peer && timeWait > used / 2);
    if (!use) return group;
    return {
      ...group,
      culprit: 'this program',
      wrong: true,
      what: 'The connections are over, and their ports are kept for 60 s: none is left for a new one.',
      act: 'This program: it must keep connections open and use them again, or let the peer close first.',
      certain:
        'See what connect() returns: strace -f -e trace=connect -p PID. See the range: sysctl net.ipv4.ip_local_port_range',
      evidence: [portsText(use), ...group.evidence],
    };
  });
}

export function portsText({ used, timeWait, available, local, peer }: PortUse): string {
  const share =
    used >= available ? 'the next connect() there fails with EADDRNOTAVAIL' : `${available - used} are free`;
  return `${used} of ${available} ports of ${local} are in use towards ${peer} (${timeWait} in TIME-WAIT): ${share}.`;
}
