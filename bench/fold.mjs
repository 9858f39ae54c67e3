// How long the fold takes for a million segments of one connection, whole and with one in a hundred lost:
// `npm run bench:fold`. Each must take less than five seconds
// of processor time: others may use this machine as well.
import { advance, UNKNOWN_END } from '../build/tcp/fold.js';

const SEGMENTS = 1_000_000;
const LONGEST_MS = 5000;
const [client, server] = [
  { address: '192.168.2.10', port: 41234 },
  { address: '192.168.2.11', port: 80 },
];
const OPTIONS = { windowScale: 10, sack: true };
const DATA = 1448;

function segment(source, destination, flags, seq, ack, length = 0) {
  const options = flags.includes('S') ? { options: OPTIONS } : {};
  return { source, destination, flags, seq: seq >>> 0, ack, window: 64240, length, ...options };
}

/** A client's endless data to a server, with the ACKs; each lost segment is retransmitted ten segments later. */
function* inputs(isLost) {
  let atMs = 0;
  /** @type {(direction: 'sent' | 'received', segment: object) => object} */
  const input = (direction, of) => {
    atMs += 0.01;
    return { atMs, direction, segment: of };
  };
  const got = (...of) => input('received', segment(client, server, ...of));
  const sent = (...of) => input('sent', segment(server, client, ...of));
  yield got('S', 0, null);
  yield sent('S.', 0, 1);
  yield got('.', 1, 1);
  let [next, owed] = [1, []];
  for (let count = 3; count < SEGMENTS; count++) {
    if (count % 2 === 0) {
      yield sent('.', 1, owed[0] ?? next >>> 0);
      continue;
    }
    if (owed.length > 0 && count % 20 === 1) yield got('P.', owed.shift(), 1, DATA);
    else if (isLost(count)) owed.push(next >>> 0);
    else yield got('P.', next, 1, DATA);
    if (!(owed.length > 0 && count % 20 === 1)) next += DATA;
  }
}

/** Sender's end: as many segments, with its calls unknown, so that two possibilities are followed. */
function* mirrored(isLost) {
  for (const input of inputs(isLost))
    yield { ...input, direction: input.direction === 'sent' ? 'received' : 'sent' };
}

let isTooSlow = false;
for (const [title, all] of [
  ['a receiver', () => inputs(() => false)],
  ['a receiver, one in a hundred lost', () => inputs((count) => count % 100 === 51)],
  ['a sender whose calls are not seen', () => mirrored(() => false)],
]) {
  const before = process.cpuUsage();
  let end = UNKNOWN_END;
  for (const input of all()) end = advance(end, input);
  const { user, system } = process.cpuUsage(before);
  const tookMs = (user + system) / 1000;
  isTooSlow ||= tookMs > LONGEST_MS;
  const heap = (process.memoryUsage().heapUsed / 1e6).toFixed(0);
  process.stdout.write(
    `${title}: ${SEGMENTS} segments in ${(tookMs / 1000).toFixed(2)} s, ${end.states.join(' or ')}, ${end.steps.length} steps, heap ${heap} MB\n`,
  );
}
process.exitCode = isTooSlow ? 1 : 0;
