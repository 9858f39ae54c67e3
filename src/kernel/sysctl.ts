import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { SystemError } from '../error.ts';
import { containerHint } from './container.ts';
import { asSystemError, ifThere, isOutOfDescriptors } from './files.ts';

/**
 * A sysctl below `net` of the namespace in which the thread is now: /proc/sys/net shows each thread its own.
 * `name` as sysctl(8) writes it: `net.ipv4.tcp_syn_retries`. Undefined where this kernel has none.
 */
export function readSysctl(name: string): string | undefined {
  return ifThere(() => readFileSync(pathOf(name), 'utf8').trim());
}

export function writeSysctl(name: string, value: string | number): void {
  try {
    writeFileSync(pathOf(name), String(value));
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code ?? 'EIO';
    if (isOutOfDescriptors(error)) throw asSystemError(error, `sysctl ${name}`);
    throw new SystemError('write', errno, {
      detail: `sysctl ${name} = ${value}`,
      code: errno === 'EROFS' || errno === 'EACCES' ? 'MACHINE' : 'SYSTEM',
      hint: containerHint() ?? 'make /proc/sys/net writable: mount -o remount,rw /proc/sys',
    });
  }
}

function pathOf(name: string): string {
  return `/proc/sys/${name.replaceAll('.', '/')}`;
}

/** The names below `net.ipv4` in the namespace in which the thread is now: what TCP and IP have. */
export function sysctlNames(): string[] {
  return (ifThere(() => readdirSync(pathOf('net.ipv4'))) ?? []).map((name) => `net.ipv4.${name}`);
}
