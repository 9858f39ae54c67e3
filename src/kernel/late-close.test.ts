import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, readFileSync, readSync, read as readWithCallback } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { closeLater } from './late-close.ts';
import { check, libc } from './libc.ts';
import { NetworkNamespace } from './namespace.ts';
import { PacketCapture } from './packet-capture.ts';

const read = promisify(readWithCallback);
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const [O_CLOEXEC, O_NONBLOCK] = [0o2000000, 0o4000];

function pipe(flags: number): [reader: number, writer: number] {
  const fds = new Int32Array(2);
  check(libc.pipe2(fds, O_CLOEXEC | flags), 'pipe2');
  return [fds[0] ?? -1, fds[1] ?? -1];
}

/** Whether no descriptor is left that can write into the pipe. */
function isAtEnd(reader: number): boolean {
  try {
    return readSync(reader, Buffer.alloc(1)) === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
    throw error;
  }
}

it('takes the descriptor away, and the kernel frees what it stood for', async () => {
  const [reader, writer] = pipe(O_NONBLOCK);
  expect(isAtEnd(reader)).toBe(false);
  await closeLater(writer);
  expect(() => fstatSync(writer)).toThrow('EBADF');
  while (!isAtEnd(reader)) await turn();
  closeSync(reader);
});

it('rejects a descriptor that is not open', async () => {
  const [reader, writer] = pipe(O_NONBLOCK);
  for (const fd of [reader, writer]) closeSync(fd);
  await expect(closeLater(writer)).rejects.toThrow('close failed: EBADF');
});

/** The captures of a namespace that the kernel has not begun to free, below a line of titles. */
function capturesOf(namespace: NetworkNamespace): number {
  const text = namespace.enter(() => readFileSync('/proc/thread-self/net/packet', 'utf8'));
  return text.trim().split('\n').length - 1;
}

it('waits for no thread of the pool', async () => {
  const namespace = NetworkNamespace.create();
  const capture = namespace.enter(() => new PacketCapture('lo'));
  const busy = Array.from({ length: Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) }, () => pipe(0));
  const over = Promise.all(busy.map(([reader]) => read(reader, { buffer: Buffer.alloc(1) })));
  await capture.close();
  expect(capturesOf(namespace)).toBe(1);
  for (const [, writer] of busy) closeSync(writer);
  await over;
  while (capturesOf(namespace) > 0) await turn();
  for (const [reader] of busy) closeSync(reader);
  namespace.close();
});

it('waits while eight are left for the kernel to free', async () => {
  const namespace = NetworkNamespace.create();
  const captures = namespace.enter(() => Array.from({ length: 40 }, () => new PacketCapture('lo')));
  expect(capturesOf(namespace)).toBe(40);
  await Promise.all(captures.map((capture) => capture.close()));
  expect(capturesOf(namespace)).toBeLessThanOrEqual(8);
  while (capturesOf(namespace) > 0) await turn();
  namespace.close();
});

/** A script in a process of its own; `$build` is the folder of the built modules. */
function runNode(
  script: string,
  limit = '$(ulimit -n)',
): { status: number | null; stdout: string; stderr: string } {
  const build = pathToFileURL(join(REPOSITORY, 'build')).href;
  const node = [process.execPath, '--input-type=module', '-e', script.replaceAll('$build', build)];
  const { status, stdout, stderr } = spawnSync('sh', ['-c', `ulimit -n ${limit}; exec "$0" "$@"`, ...node], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

it('waits for the kernel in a process without descriptors to spare', () => {
  const script = `
    import { openSync, readSync } from 'node:fs';
    const { closeLater } = await import('$build/kernel/late-close.js');
    const { libc } = await import('$build/kernel/libc.js');
    const fds = new Int32Array(2);
    libc.pipe2(fds, ${O_CLOEXEC | O_NONBLOCK});
    try {
      for (;;) openSync('/dev/null');
    } catch {}
    const closing = closeLater(fds[1]);
    console.log(readSync(fds[0], Buffer.alloc(1)));
    await closing;
  `;
  expect(runNode(script, '64')).toEqual({ status: 0, stdout: '0\n', stderr: '' });
});

it.each([
  ['by itself', '', 0],
  ['by exit()', 'process.exit(7)', 7],
])('lets a process end right after its labs: %s', (_, end, status) => {
  const script = `
    const { Lab } = await import('$build/lab/lab.js');
    for (let count = 1; count <= 6; count++) await (await Lab.open())[Symbol.asyncDispose]();
    ${end}
  `;
  expect(runNode(script)).toEqual({ status, stdout: '', stderr: '' });
});
