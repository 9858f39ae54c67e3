// An HTTP server of the tests: `http.mjs PORT [status=404] [late=MS] [graceful]`. `late`: each answer takes that long.
// `large=MB`, `stream=MB`: its size. `idle=MS`: its idle timeout;
// `liar`: announces a minute all the same. `curt`: closes after each answer. `warms`: the first eight answers fill a cache.
import { createServer } from 'node:http';
import { pipeline, Readable } from 'node:stream';

const [port, ...words] = process.argv.slice(2);
const of = (name) => Number(words.find((word) => word.startsWith(`${name}=`))?.split('=')[1] ?? 0);
const server = createServer((_, answer) => {
  answer.statusCode = of('status') || 200;
  if (words.includes('graceful') && isOver) answer.setHeader('Connection', 'close');
  if (words.includes('liar'))
    answer.setHeaders(
      new Map([
        ['Connection', 'keep-alive'],
        ['Keep-Alive', 'timeout=60'],
      ]),
    );
  if (words.includes('curt')) answer.setHeader('Connection', 'close');
  if (words.includes('warms') && cache.length < 8) cache.push(Buffer.alloc(16 * 2 ** 20, 'x'));
  // Keeps all of a large answer in memory, or makes it piece by piece.
  if (of('large') > 0) answer.end(Buffer.alloc(of('large') * 2 ** 20, 'x'));
  else if (of('stream') > 0) pipeline(Readable.from(pieces(of('stream'))), answer, () => {});
  else if (of('late') > 0) setTimeout(() => answer.end('hello\n'), of('late'));
  else answer.end('hello\n');
});
/** @type {Buffer[]} */
const cache = [];
let isOver = false;
if (of('idle') > 0) server.keepAliveTimeout = of('idle');
if (words.includes('graceful'))
  process.on('SIGTERM', () => {
    isOver = true;
    // Closes what is idle, and waits for the rest.
    server.close();
  });

/** @param {number} count */
function* pieces(count) {
  for (let piece = 0; piece < count; piece++) yield Buffer.alloc(2 ** 20, 'x');
}

server.listen(Number(port));
