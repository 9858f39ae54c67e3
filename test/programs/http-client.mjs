// An HTTP client of the tests: `http-client.mjs HOST PORT WORD …`. It ends with 0 when all answers are whole, else with 1.
// `twice`: two requests, one after the other. `four`: four at once. `post`, `head`, `delete`, `keyed`: with an Idempotency-Key.
// `close`: a connection for each. `deadline`: waits no longer than two seconds. `repeats`: a request that failed on a connection
// that was used before, once. `careless`: always ends with 0. `stays`: does not end. `upload`: 2 MB after 100 Continue.
// `http10`: reads until the server closes. `nonce`: another query each time. `leaky`: opens four more, used once, before the two.
import http from 'node:http';
import net from 'node:net';

const [host, port, ...words] = process.argv.slice(2);
const has = (/** @type {string} */ word) => words.includes(word);
const agent = new http.Agent({ keepAlive: !has('close') });
const method =
  has('post') || has('upload') ? 'POST' : has('head') ? 'HEAD' : has('delete') ? 'DELETE' : 'GET';

let orders = 0;

/** @type {(isAgain?: boolean) => Promise<void>} */
async function ask(isAgain = false, by = agent) {
  const headers = {
    ...(has('keyed') ? { 'Idempotency-Key': 'one' } : {}),
    ...(has('upload') ? { Expect: '100-continue' } : {}),
  };
  const signal = has('deadline') ? AbortSignal.timeout(2000) : undefined;
  const path = has('nonce') ? `/?nonce=${Math.random()}` : '/';
  const request = http.request({ host, port, path, agent: by, method, headers, signal });
  try {
    await new Promise((resolve, reject) => {
      request.on('error', reject);
      request.on('response', (response) => response.on('error', reject).on('end', resolve).resume());
      if (has('upload')) request.on('continue', () => request.end(Buffer.alloc(2_000_000)));
      else request.end(has('post') ? `order ${isAgain && !has('differs') ? orders : ++orders}` : '');
    });
  } catch (error) {
    if (isAgain || !has('repeats') || !request.reusedSocket) throw error;
    await ask(true);
  }
}

/** @type {() => Promise<void>} */
function ask10() {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = net.connect({ host, port: Number(port) }, () => socket.write('GET / HTTP/1.0\r\n\r\n'));
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('error', reject);
    socket.on('end', () => (answer.startsWith('HTTP/1.1 200 ') ? resolve() : reject(new Error('no answer'))));
  });
}

try {
  if (has('http10')) await ask10();
  else if (has('four')) await Promise.all([ask(), ask(), ask(), ask()]);
  else {
    for (let n = has('leaky') ? 4 : 0; n > 0; n--) await ask(false, new http.Agent({ keepAlive: true }));
    for (let n = has('twice') ? 2 : 1; n > 0; n--) await ask();
  }
} catch (error) {
  console.error(String(error));
  if (!has('careless')) process.exitCode = 1;
}
if (has('stays')) setInterval(() => {}, 1000);
else process.exit();
