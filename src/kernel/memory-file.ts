import { readdirSync, readFileSync, readlinkSync, statSync, writeSync } from 'node:fs';
import { ifThere } from './files.ts';
import { check, libc } from './libc.ts';

const MFD_CLOEXEC = 1;

/**
 * A file without a place in any file system (memfd_create(2)): other processes of the same user can read it by its name, and it
 * is gone with this one, however that ends. Gives its descriptor.
 */
export function createMemoryFile(name: string, text: string): number {
  const fd = check(libc.memfd_create(name, MFD_CLOEXEC), 'memfd_create', name);
  writeSync(fd, text);
  return fd;
}

export interface MemoryFile {
  /** The process that has it open. */
  pid: number;
  text: string;
}

/** All of that name which processes of this user have open. */
export function memoryFilesNamed(name: string): MemoryFile[] {
  const uid = process.geteuid?.();
  const link = `/memfd:${name} (deleted)`;
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids.flatMap((pid) => {
    if (ifThere(() => statSync(`/proc/${pid}`).uid) !== uid) return [];
    const folder = `/proc/${pid}/fd`;
    const fds = ifThere(() => readdirSync(folder)) ?? [];
    const fd = fds.find((one) => ifThere(() => readlinkSync(`${folder}/${one}`)) === link);
    const text = fd === undefined ? undefined : ifThere(() => readFileSync(`${folder}/${fd}`, 'utf8'));
    return text === undefined ? [] : [{ pid: Number(pid), text }];
  });
}
