export type HostName = 'client' | 'server';

export const HOSTS: readonly HostName[] = ['client', 'server'];

export function otherHost(host: HostName): HostName {
  return host === 'client' ? 'server' : 'client';
}

/** Something of each host. */
export function ofHosts<T>(give: (host: HostName) => T): Record<HostName, T> {
  return { client: give('client'), server: give('server') };
}
