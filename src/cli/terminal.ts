/** Whether what is written to a stream can be written over: it is a terminal, and one that obeys. */
export function isLive(stream: { isTTY?: boolean }): boolean {
  return stream.isTTY === true && process.env['TERM'] !== 'dumb';
}
