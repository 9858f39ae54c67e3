// How long `read` takes for a capture of a million segments of one connection, of which one in a hundred is missing:
// `npm run bench:read`. It must take less than 8 s of processor time, and 500 MB.
import { readCapture } from '../build/captures/read.js';
import { resultOf } from '../build/captures/result.js';

const [SEGMENTS, LONGEST_MS, MOST_MB] = [1_000_000, 8000, 500];
const [LINKTYPE_RAW, DATA, HEADERS] = [101, 1448, 40];

function fileHeader() {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(262_144, 16);
  header.writeUInt32LE(LINKTYPE_RAW, 20);
  return header;
}

/** A record with the headers alone, as `tcpdump -s 40` keeps them. */
function record(number, isFromClient, flags, seq, ack, length) {
  const bytes = Buffer.alloc(16 + HEADERS);
  const atUs = number * 10;
  bytes.writeUInt32LE(1_700_000_000 + Math.floor(atUs / 1e6), 0);
  bytes.writeUInt32LE(atUs % 1e6, 4);
  bytes.writeUInt32LE(HEADERS, 8);
  bytes.writeUInt32LE(HEADERS + length, 12);
  const ip = bytes.subarray(16);
  ip.writeUInt8(0x45, 0);
  ip.writeUInt16BE(HEADERS + length, 2);
  ip.writeUInt16BE(number & 0xffff, 4);
  ip.writeUInt8(64, 8);
  ip.writeUInt8(6, 9);
  ip.set([10, 0, 0, isFromClient ? 1 : 2, 10, 0, 0, isFromClient ? 2 : 1], 12);
  ip.writeUInt16BE(isFromClient ? 41234 : 80, 20);
  ip.writeUInt16BE(isFromClient ? 80 : 41234, 22);
  ip.writeUInt32BE(seq >>> 0, 24);
  ip.writeUInt32BE(ack >>> 0, 28);
  ip.writeUInt8(0x50, 32);
  ip.writeUInt8(flags, 33);
  ip.writeUInt16BE(65_535, 34);
  return bytes;
}

const [SYN, ACK, PSH_ACK] = [0x02, 0x10, 0x18];

/** @param {(number: number) => boolean} isMissing */
async function* capture(isMissing) {
  yield fileHeader();
  let [pieces, next] = [[], 1];
  for (let number = 0; number < SEGMENTS; number++) {
    const segment =
      number < 3
        ? record(
            number,
            number !== 1,
            [SYN, SYN | ACK, ACK][number],
            number === 1 ? 0 : Math.min(number, 1),
            1,
            0,
          )
        : number % 2 === 1
          ? record(number, true, PSH_ACK, next, 1, DATA)
          : record(number, false, ACK, 1, next, 0);
    if (number >= 3 && number % 2 === 1) next += DATA;
    if (!isMissing(number)) pieces.push(segment);
    if (pieces.length < 1000) continue;
    yield Buffer.concat(pieces);
    pieces = [];
  }
  yield Buffer.concat(pieces);
}

let isTooSlow = false;
for (const [title, isMissing] of [
  ['whole', () => false],
  ['one in a hundred missing', (number) => number > 10 && number % 100 === 51],
  ['one in a hundred missing, ACKs too', (number) => number > 10 && number % 101 === 50],
]) {
  // Making it takes time too, which is not that of the reader.
  const making = process.cpuUsage();
  for await (const _ of capture(isMissing));
  const made = process.cpuUsage(making);
  const before = process.cpuUsage();
  const { connections, facts, notes } = await readCapture('pcap', capture(isMissing));
  const { connections: found } = resultOf(connections, facts, notes);
  const { user, system } = process.cpuUsage(before);
  const tookMs = (user + system - made.user - made.system) / 1000;
  const { rss } = process.memoryUsage();
  const { states } = found[0].ends.a;
  console.log(
    `${title}: ${connections.packets} segments in ${(tookMs / 1000).toFixed(2)} s, ${Math.round(rss / 2 ** 20)} MB, a ${states.join(' or ')}`,
  );
  isTooSlow ||= tookMs > LONGEST_MS || rss > MOST_MB * 2 ** 20 || states[0] !== 'ESTABLISHED';
}
process.exitCode = isTooSlow ? 1 : 0;
