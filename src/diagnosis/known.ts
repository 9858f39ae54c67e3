import { parseSysctls, type TcpSysctls } from '../tcp/sysctls.ts';

/** What is known of the machine that a table is of. */
export interface Known {
  sysctls: TcpSysctls;
  /** The sysctls are defaults of Linux 6.5 and later, and not read. */
  areDefaults: boolean;
  /** net.ipv4.ip_local_port_range: the first and the last. */
  ports: readonly [first: number, last: number];
  arePortsDefault: boolean;
  /** EADDRNOTAVAIL was shown. */
  isOutOfPorts: boolean;
  /** EMFILE was shown. */
  isOutOfDescriptors: boolean;
}

/** What parseSysctls() takes for a kernel that does not have them, and newer kernels do. */
const NEWER: Readonly<Record<string, string>> = { 'net.ipv4.tcp_syn_linear_timeouts': '4' };
const DEFAULT_PORTS = [32_768, 60_999] as const;

export function knownFrom(sysctls: ReadonlyMap<string, string>, errnos: readonly string[] = []): Known {
  const [first, last] = (sysctls.get('net.ipv4.ip_local_port_range') ?? '').split(/\s+/).map(Number);
  const hasPorts = first !== undefined && last !== undefined && first > 0 && last >= first;
  return {
    sysctls: parseSysctls((name) => sysctls.get(name) ?? NEWER[name]),
    areDefaults: ![...sysctls.keys()].some((name) => /tcp_(fin_timeout|retries2|orphan_retries)/.test(name)),
    ports: hasPorts ? [first, last] : DEFAULT_PORTS,
    arePortsDefault: !hasPorts,
    isOutOfPorts: errnos.includes('EADDRNOTAVAIL'),
    isOutOfDescriptors: errnos.includes('EMFILE'),
  };
}
