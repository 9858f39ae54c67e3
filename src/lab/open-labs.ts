import { closeSync, openSync, readlinkSync } from 'node:fs';
import type { HostName } from '../evidence/events.ts';
import { ifThere } from '../kernel/files.ts';
import { createMemoryFile, memoryFilesNamed } from '../kernel/memory-file.ts';
import { isEnterable } from './host.ts';
import type { Lab } from './lab.ts';

const MEMORY_FILE = 'tcplab-lab';

/** A lab of this user that other processes can enter. */
export interface OpenLab {
  name: string;
  /** The process that has opened it. */
  pid: number;
  /** When, in ISO 8601. */
  startedAt: string;
  addresses: Record<HostName, string>;
  /** Files of that process by which each host's network is entered (setns(2)). */
  networks: Record<HostName, string>;
  /** The same for its user namespace; null if that is the one of this process. */
  userNamespace: string | null;
}

type Announced = Pick<OpenLab, 'name' | 'startedAt' | 'addresses'> & { networks: Record<HostName, number> };

/** Lets other processes of this user enter a lab, until it is disposed of or this process ends. */
export function announceLab(lab: Lab, name: string, startedAt: Date): Disposable {
  const open = (host: HostName) => {
    const at = lab.host(host);
    if (!isEnterable(at)) throw new Error('only a host on this machine can be entered');
    return at.within(() => openSync('/proc/thread-self/ns/net', 'r'));
  };
  const networks = { client: open('client'), server: open('server') };
  const addresses = { client: lab.client.address, server: lab.server.address };
  const about: Announced = { name, startedAt: startedAt.toISOString(), addresses, networks };
  const file = createMemoryFile(MEMORY_FILE, JSON.stringify(about));
  return {
    [Symbol.dispose]: () => {
      for (const fd of [file, ...Object.values(networks)]) closeSync(fd);
    },
  };
}

/** The labs of this user that can be entered, the oldest first. */
export function openLabs(): OpenLab[] {
  const own = readlinkSync('/proc/self/ns/user');
  return memoryFilesNamed(MEMORY_FILE)
    .flatMap(({ pid, text }) => {
      // Of a lab that opens just now, the file may still be empty.
      if (text === '') return [];
      const { networks, ...about } = JSON.parse(text) as Announced;
      const userNamespace = `/proc/${pid}/ns/user`;
      const isOther = ifThere(() => readlinkSync(userNamespace)) !== own;
      const file = (host: HostName) => `/proc/${pid}/fd/${networks[host]}`;
      return {
        ...about,
        pid,
        networks: { client: file('client'), server: file('server') },
        userNamespace: isOther ? userNamespace : null,
      };
    })
    .sort((one, other) => one.startedAt.localeCompare(other.startedAt));
}
