// A client of the tests: `client.mjs HOST PORT WORD …`. It asks, and ends with 0 when the answer is whole, else with 1.
// `deadline`: waits no longer than 300 ms. `careless`: always ends with 0. `leaks`: never closes. `retries`: at once, some
// two thousand times. `upload`: sends more than any buffer holds. `stays`: does not end.
import net from 'node:net';

const [host, port, ...words] = process.argv.slice(2);
const has = (/** @type {string} */ word) => words.includes(word);

let attempts = 0;

function attempt() {
  let answer = '';
  const socket = net.connect({ host, port: Number(port), allowHalfOpen: has('leaks') });
  const finish = (/** @type {number} */ status) => {
    if (has('leaks') || has('stays')) return void setInterval(() => {}, 1000);
    socket.destroy();
    if (status === 1 && has('retries') && ++attempts < 2000) return void setImmediate(attempt);
    process.exit(has('careless') ? 0 : status);
  };
  if (has('deadline')) setTimeout(() => finish(1), 300);
  socket.on('connect', () => socket.write(has('upload') ? Buffer.alloc(8_000_000) : 'hello\n'));
  socket.on('data', (data) => {
    answer += data;
    if (answer.endsWith('\n')) finish(0);
  });
  socket.on('end', () => finish(1));
  socket.on('error', () => finish(1));
}

attempt();
