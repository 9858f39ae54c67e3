/** What is wrong with a line. */
export class LineError extends Error {
  readonly hint: string | undefined;

  constructor(line: number, what: string, hint?: string) {
    super(`line ${line}: ${what}`);
    this.hint = hint;
  }
}

export interface Line {
  /** From 1. */
  number: number;
  /** Null if the line is not valid UTF-8. */
  text: string | null;
  /** Whether a line feed ends it. */
  ended: boolean;
}

const LINE_FEED = 0x0a;
/** Longer than any event, so that a file without line feeds does not fill the memory. */
const LONGEST = 64 * 1024 * 1024;

/** Cuts a stream of bytes into lines, and keeps no more of it than one. */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let [parts, length, number]: [Uint8Array[], number, number] = [[], 0, 0];
  const take = (ended: boolean): Line => {
    const text = decode(Buffer.concat(parts, length));
    [parts, length] = [[], 0];
    return { number: ++number, text, ended };
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let to = chunk.indexOf(LINE_FEED); to >= 0; to = chunk.indexOf(LINE_FEED, from)) {
      parts.push(chunk.subarray(from, to));
      length += to - from;
      yield take(true);
      from = to + 1;
    }
    parts.push(chunk.subarray(from));
    length += chunk.length - from;
    if (length > LONGEST)
      throw new LineError(number + 1, 'expected an event, found 64 MiB without a line end');
  }
  if (length > 0) yield take(false);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decode(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}
