// Bulk data: what ten times as many segments cost, a million of them, and a hold beside a program that sends all it can: how long
// it takes to end after Ctrl-C, and its memory. `npm run bench:bulk` as root; exit status 1 when a target was missed.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { peakOf } from './measure.mjs';

const fromRoot = (/** @type {string} */ path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const load = (/** @type {string} */ path) => import(fromRoot(`build/${path}`));
const [
  { Timeline },
  { settle },
  { passages, toldByPackets },
  { encodePacket, decodePacket },
  { advance, UNKNOWN_END },
] = await Promise.all([
  load('evidence/timeline.js'),
  load('evidence/packet-index.js'),
  load('evidence/segments.js'),
  load('tcp/segment.js'),
  load('tcp/fold.js'),
]);

const FEW = 20_000;
const POLL = 2000;
const MOST_RATIO = 11;
const MILLION_TARGET_S = 5;
const END_TARGET_MS = 1000;
const MEMORY_TARGET_MB = 150;

const connection = {
  client: { address: '192.168.2.10', port: 40_000 },
  server: { address: '192.168.2.11', port: 80 },
};

const met = [];
for (const lostEach of [0, 100]) {
  const [few, many] = [costOf(FEW, lostEach), costOf(10 * FEW, lostEach)];
  const what = lostEach === 0 ? 'nothing lost' : `one in ${lostEach} lost by the capture`;
  say(
    `ten times ${FEW} segments, ${what}: ${(few.ms / 1000).toFixed(2)} s, then ${(many.ms / 1000).toFixed(2)} s`,
  );
  met.push(verdict(`the ratio, ${what}`, many.ms / few.ms, MOST_RATIO));
}
met.push(
  verdict('a million segments into states and transitions, s', foldMs(1_000_000) / 1000, MILLION_TARGET_S),
);
for (const seconds of [2, 10]) {
  const { endedMs, peakMb } = await hold(seconds);
  met.push(verdict(`Ctrl-C after ${seconds} s: ms until it ended`, endedMs, END_TARGET_MS));
  met.push(verdict(`Ctrl-C after ${seconds} s: peak memory, MiB`, peakMb, MEMORY_TARGET_MB));
}
process.exitCode = met.every(Boolean) ? 0 : 1;

/**
 * A bulk transfer, poll by poll as a lab sees it; the time is the processor's, of all that happens after the capture.
 * @param {number} segments
 * @param {number} lostEach
 */
function costOf(segments, lostEach) {
  const timeline = new Timeline();
  let [atMs, packets, ms] = [0, 0, 0];
  let polled = { client: /** @type {object[]} */ ([]), server: /** @type {object[]} */ ([]) };
  const flush = () => {
    const startMs = cpuMs();
    for (const event of [...polled.client, ...polled.server]) timeline.add(event);
    settle(timeline, atMs);
    ms += cpuMs() - startMs;
    polled = { client: [], server: [] };
  };
  const pass = (/** @type {'client' | 'server'} */ from, /** @type {object} */ numbers) => {
    const to = from === 'client' ? 'server' : 'client';
    const packet = encodePacket({
      ...{ source: connection[from], destination: connection[to], window: 64_240 },
      ...numbers,
    });
    const seen = { type: 'captured', wire: decodePacket(packet), bytes: packet.toString('base64') };
    atMs += 0.01;
    polled[from].push({ ...seen, atMs, host: from, direction: 'sent' });
    if (lostEach === 0 || ++packets % lostEach !== 0)
      polled[to].push({ ...seen, atMs: atMs + 0.002, host: to, direction: 'received' });
    if (polled.client.length >= POLL) flush();
  };
  pass('client', { seq: 0, ack: null, flags: 'S' });
  pass('server', { seq: 0, ack: 1, flags: 'S.' });
  pass('client', { seq: 1, ack: 1, flags: '.' });
  const payload = Buffer.alloc(64);
  for (let sent = 0; sent < segments / 2; sent++) {
    const next = 1 + (sent + 1) * payload.length;
    pass('client', { seq: next - payload.length, ack: 1, flags: 'P.', payload });
    pass('server', { seq: 1, ack: next, flags: '.' });
  }
  flush();
  const startMs = cpuMs();
  passages(timeline, connection);
  toldByPackets(timeline, connection, 'server');
  return { ms: ms + cpuMs() - startMs };
}

/**
 * What both ends make of so many segments, one after the other.
 * @param {number} segments
 */
function foldMs(segments) {
  const [data, ack] = [
    {
      ...{ source: connection.client, destination: connection.server },
      flags: 'P.',
      length: 64,
      window: 64_240,
    },
    {
      ...{ source: connection.server, destination: connection.client },
      flags: '.',
      length: 0,
      window: 64_240,
    },
  ];
  const ends = { client: UNKNOWN_END, server: UNKNOWN_END };
  let atMs = 0;
  const pass = (/** @type {'client' | 'server'} */ from, /** @type {object} */ segment) => {
    const to = from === 'client' ? 'server' : 'client';
    atMs += 0.01;
    ends[from] = advance(ends[from], { atMs, direction: 'sent', segment });
    ends[to] = advance(ends[to], { atMs: atMs + 0.002, direction: 'received', segment });
  };
  const startMs = cpuMs();
  pass('client', { ...data, seq: 0, ack: null, flags: 'S', length: 0 });
  pass('server', { ...ack, seq: 0, ack: 1, flags: 'S.' });
  pass('client', { ...data, seq: 1, ack: 1, flags: '.', length: 0 });
  for (let sent = 0; sent < segments / 2; sent++) {
    const seq = 1 + sent * data.length;
    pass('client', { ...data, seq, ack: 1 });
    pass('server', { ...ack, seq: 1, ack: seq + data.length });
  }
  return cpuMs() - startMs;
}

/** Of this process: others on the machine do not count. */
function cpuMs() {
  return process.cpuUsage().user / 1000;
}

/** @param {number} seconds */
async function hold(seconds) {
  const program = `${process.execPath} ${fromRoot('test/programs/bulk.mjs')}`;
  const child = spawn(
    process.execPath,
    [
      fromRoot('dist/cli/main.js'),
      ...['hold', 'established', '--port', '8080', '--json'],
      ...['--server', `${program} server 8080`, '--client', `${program} client {server} {port}`],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const ended = new Promise((resolve) => child.once('close', resolve));
  await new Promise((resolve) => child.stderr.once('data', resolve));
  child.stderr.resume();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const startMs = performance.now();
  let peakMb = 0;
  const timer = setInterval(() => {
    peakMb = Math.max(peakMb, peakOf(child.pid) || 0);
  }, 5);
  child.kill('SIGINT');
  await ended;
  clearInterval(timer);
  return { endedMs: performance.now() - startMs, peakMb };
}

/** @param {string} text */
function say(text) {
  process.stdout.write(`    ${text}\n`);
}

/**
 * @param {string} what
 * @param {number} value
 * @param {number} target
 */
function verdict(what, value, target) {
  const isMet = value <= target;
  process.stdout.write(`${isMet ? 'met   ' : 'missed'}  ${what}: ${value.toFixed(2)} (at most ${target})\n`);
  return isMet;
}
