import type { HostAbout, HostName } from '../../evidence/events.ts';
import { formatMs } from '../words/time.ts';

/** The hosts, their kernels, and what tcplab could not see there: one line per host, and one for each thing that was missing. */
export function hostLines(hosts: Record<HostName, HostAbout>): string[] {
  return (['client', 'server'] as const).flatMap((name) => {
    const { place, kernel, arch, firewall, clock, noKernelEvents, noPackets } = hosts[name];
    const ahead = Math.abs(clock.aheadMs);
    const apart = `clock ${formatMs(ahead)} ${clock.aheadMs < 0 ? 'behind' : 'ahead'} (± ${formatMs(clock.errorMs)})`;
    const rules = firewall === null ? 'no packet filter' : `rules set with ${firewall}`;
    return [
      `${name} ${place}: Linux ${kernel} ${arch}, ${rules}, ${apart}`,
      ...[noPackets, noKernelEvents].flatMap((why) => (why === null ? [] : [`${name}: ${why}`])),
    ];
  });
}
