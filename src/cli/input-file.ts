import { closeSync, constants, createReadStream, fstatSync, openSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import { TcplabError } from '../error.ts';
import { reasonOf } from '../kernel/system-error.ts';
import { printable } from '../printable.ts';

/** How long a terminal or a FIFO may be silent before tcplab reports that it waits. */
const SILENT_MS = 1000;

/** The bytes of a file; `-` is standard input. Throws a TcplabError (USAGE) if it can't be read. */
export async function* readInput(path: string): AsyncGenerator<Uint8Array> {
  const isStdin = path === '-' || path === '/dev/stdin' || path === '/dev/fd/0';
  const name = isStdin ? 'stdin' : path;
  let said: NodeJS.Timeout | undefined;
  try {
    const waitsForOther = isStdin ? isatty(0) : statSync(path).isFIFO();
    if (waitsForOther) {
      said = setTimeout(
        () => process.stderr.write(`tcplab: waiting for data from ${printable(name)}; Ctrl-C stops\n`),
        SILENT_MS,
      );
    }
    for await (const chunk of isStdin
      ? process.stdin
      : waitsForOther
        ? openFifo(path)
        : createReadStream(path)) {
      clearTimeout(said);
      yield chunk as Uint8Array;
    }
  } catch (error) {
    if (error instanceof TcplabError) throw error;
    throw new TcplabError('USAGE', `cannot read ${name}: ${reasonOf(error)}`, { cause: error });
  } finally {
    clearTimeout(said);
  }
}

/**
 * Opening a FIFO waits for its writer: in a thread of Node's pool, which no signal ends, so that the process could not even exit.
 * Opened this way it is there at once, and epoll waits for the writer (fifo(7)).
 */
function openFifo(path: string): Socket {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (fstatSync(fd).isFIFO()) return new Socket({ fd, readable: true, writable: false });
  closeSync(fd);
  throw new TcplabError('USAGE', `cannot read ${path}: it changed while it was opened`);
}

/** A small text file, whole. Throws a TcplabError (USAGE) if it is larger than `limit` bytes, or can't be read. */
export async function readText(path: string, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of readInput(path)) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > limit) {
      throw new TcplabError('USAGE', `cannot read ${path}: it is larger than ${limit / 1024} KiB`);
    }
  }
  return Buffer.concat(chunks).toString('utf8');
}
