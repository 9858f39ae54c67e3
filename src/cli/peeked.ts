import { createGunzip } from 'node:zlib';
import { HEAD_BYTES, type Kind, kindOf } from '../captures/read.ts';
import { TcplabError } from '../error.ts';
import { readInput } from './input-file.ts';

/** A file whose beginning says what it is, and all its bytes, unpacked. */
export interface Peeked {
  kind: Kind;
  chunks: AsyncIterable<Uint8Array>;
}

/** Reads the beginning of a file, or of standard input (`-`). One layer of gzip is unpacked as it is read. */
export async function peek(path: string): Promise<Peeked> {
  const file = await begun(readInput(path));
  if (file.kind !== 'gzip') return file;
  const inner = await begun(unpacked(file.chunks));
  if (inner.kind === 'gzip')
    throw new TcplabError('USAGE', `${path}: expected a capture in the gzip file, found gzip`);
  return inner;
}

async function begun(chunks: AsyncIterable<Uint8Array>): Promise<Peeked> {
  const all = chunks[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < HEAD_BYTES) {
    const { value, done } = await all.next();
    if (done) break;
    head = Buffer.concat([head, value as Uint8Array]);
  }
  return { kind: kindOf(head), chunks: continued(head, all) };
}

async function* continued(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

async function* unpacked(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  const feeding = feed(chunks, gunzip);
  try {
    for await (const chunk of gunzip) yield chunk as Uint8Array;
    await feeding;
  } catch (error) {
    if (error instanceof TcplabError) throw error;
    throw new TcplabError(
      'USAGE',
      `cannot unpack the gzip file: ${error instanceof Error ? error.message : error}`,
    );
  }
}

async function feed(
  chunks: AsyncIterable<Uint8Array>,
  gunzip: ReturnType<typeof createGunzip>,
): Promise<void> {
  try {
    for await (const chunk of chunks) {
      if (gunzip.destroyed) return;
      if (!gunzip.write(chunk))
        await new Promise<void>((resolve) => void gunzip.once('drain', resolve).once('close', resolve));
    }
    gunzip.end();
  } catch (error) {
    gunzip.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}
