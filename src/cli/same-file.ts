import { fstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TcplabError } from '../error.ts';
import { destinationOf, identityOf, writing } from './destination.ts';

/** Refuses two outputs that are one file, whatever its names: each would overwrite the other. */
export function refuseSameFile(files: Record<string, string | undefined>): void {
  const names = new Map<string | undefined, string>();
  const stdout = fstatSync(1);
  const isRedirected = stdout.isFile() ? identityOf({ path: '', stats: stdout, fd: 1 }) : undefined;
  for (const [option, file] of Object.entries(files)) {
    if (file === undefined) continue;
    const destination = writing(file, () => destinationOf(file), 'USAGE');
    const identity = identityOf(destination);
    if (identity === undefined) continue;
    const other = names.get(identity);
    if (other) throw new TcplabError('USAGE', `--${other} and --${option} name the same file: ${file}`);
    if (identity === isRedirected && destination.fd !== 1) {
      throw new TcplabError('USAGE', `--${option} and standard output are the same file: ${file}`);
    }
    names.set(identity, option);
  }
}

/** Refuses an output that is named like a packet file in the folder for them. */
export function refuseInFolder(folder: string, files: Record<string, string | undefined>): void {
  for (const [option, file] of Object.entries(files)) {
    if (file === undefined || !file.endsWith('.pcapng')) continue;
    const target = writing(file, () => destinationOf(file).path, 'USAGE');
    const inFolder = writing(folder, () => destinationOf(join(folder, 'x')).path, 'USAGE');
    if (dirname(target) !== dirname(inFolder)) continue;
    throw new TcplabError('USAGE', `--${option} names a packet file of --pcap ${folder}: ${file}`);
  }
}
