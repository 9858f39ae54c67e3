// A client of the tests: `client.mjs HOST PORT WORD …`. It asks, and ends with 0 when the answer is whole, else with 1.
// `deadline`: waits no longer than two seconds. `careless`: always ends with 0. `leaks`: never closes. `retries`: at once, some
// twenty thousand times. `backoff`: five times, with pauses. `upload`: sends more than any buffer holds. `stays`: does not end.
// `crashes`: on an error. `more`: opens five connections, one after the other, and closes none. `happy`: tries all addresses.
// `again`: keeps running after an error, and tries again once. `pool`: twenty connections at once, and all that failed again
// every 400 ms. `beside`: another part of it goes on trying, with whatever address comes first.
import net from 'node:net';

const [host, port, ...words] = process.argv.slice(2);
const has = (/** @type {string} */ word) => words.includes(word);

let attempts = 0;

function attempt() {
  let answer = '';
  const address = { host, port: Number(port), autoSelectFamily: has('happy') };
  const socket = net.connect({ ...address, allowHalfOpen: has('leaks') });
  const finish = (/** @type {number} */ status) => {
    attempts++;
    if (has('more') && attempts < 5) return attempt();
    if (has('crashes') && status === 1) process.kill(process.pid, 'SIGSEGV');
    if (has('leaks') || has('stays') || has('more')) return void setInterval(() => {}, 1000);
    socket.destroy();
    if (status === 1 && has('retries') && attempts < 20_000) return void setImmediate(attempt);
    if (status === 1 && has('backoff') && attempts < 6) return void setTimeout(attempt, 25 * 2 ** attempts);
    if (has('pool')) return void (status === 1 && setTimeout(attempt, 400));
    const once = () => {
      const socket = net.connect({ host, port: Number(port), autoSelectFamily: false });
      setTimeout(() => {
        socket.destroy();
        once();
      }, 300);
    };
    if (has('beside')) once();
    if (has('again')) return void setTimeout(attempts === 1 ? attempt : () => {}, 200);
    process.exit(has('careless') ? 0 : status);
  };
  if (has('deadline')) setTimeout(() => finish(1), 2000);
  socket.on('connect', () => socket.write(has('upload') ? Buffer.alloc(8_000_000) : 'hello\n'));
  socket.on('data', (data) => {
    answer += data;
    if (answer.endsWith('\n')) finish(0);
  });
  socket.on('end', () => finish(1));
  socket.on('error', () => finish(1));
}

const once = () => {
  const socket = net.connect({ host, port: Number(port), autoSelectFamily: false });
  setTimeout(() => {
    socket.destroy();
    once();
  }, 300);
};
if (has('beside')) once();
if (has('again') || has('pool')) setInterval(() => {}, 1000);
for (let n = has('pool') ? 20 : 1; n > 0; n--) attempt();
