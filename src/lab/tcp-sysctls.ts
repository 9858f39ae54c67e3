import { parseSysctls, SYSCTL_NAMES, type TcpSysctls } from '../tcp/sysctls.ts';
import type { Host } from './host.ts';

/** The settings of a host's TCP, as they are now. */
export async function readTcpSysctls(host: Host): Promise<TcpSysctls> {
  const values = new Map<string, string | undefined>();
  for (const name of Object.values(SYSCTL_NAMES)) values.set(name, await host.readSysctl(name));
  return parseSysctls((name) => values.get(name));
}
