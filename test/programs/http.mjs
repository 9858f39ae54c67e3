// An HTTP server of the tests: `http.mjs PORT [status=404] [late=MS] [graceful]`. `late`: each answer takes that long.
import { createServer } from 'node:http';

const [port, ...words] = process.argv.slice(2);
const of = (name) => Number(words.find((word) => word.startsWith(`${name}=`))?.split('=')[1] ?? 0);
const server = createServer((_, answer) => {
  answer.statusCode = of('status') || 200;
  if (words.includes('graceful') && isOver) answer.setHeader('Connection', 'close');
  if (of('late') > 0) setTimeout(() => answer.end('hello\n'), of('late'));
  else answer.end('hello\n');
});
let isOver = false;
if (words.includes('graceful'))
  process.on('SIGTERM', () => {
    isOver = true;
    // Closes what is idle, and waits for the rest.
    server.close();
  });
server.listen(Number(port));
