import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Claimed } from '../src/evidence/events.ts';
import { passages } from '../src/evidence/segments.ts';
import type { Timeline } from '../src/evidence/timeline.ts';
import { stateHistoryOf } from '../src/evidence/transitions.ts';
import { type PacketEvent, packetsOf } from '../src/report/files/pcapng/packets.ts';
import { leaves } from '../src/report/story/connections.ts';
import { flagBits } from '../src/tcp/segment.ts';
import { IS_ROOT, run, tcplabHere, temporaryFolder } from './cli.ts';
import { readSavedRun, scenarioOf } from './saved-run.ts';

/** The files that --pcap writes, as Wireshark's own programs read them. */

const HOSTS = ['client', 'server'] as const;
const CHECKS = ['ip', 'tcp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);

/** Runs a program of Wireshark's that has nothing to complain of. */
async function wireshark(program: string, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run([program, ...args]);
  const complaints = stderr
    .split('\n')
    .filter((line) => line !== '' && !/^Running as user "root"/.test(line));
  expect(complaints, `${program} ${args.join(' ')}`).toEqual([]);
  expect(status).toBe(0);
  return stdout;
}

/** The named fields that tshark prints for each packet of a file. A field that occurs twice has a list. */
async function fieldsOf(file: string, fields: string[], ...options: string[]): Promise<string[][]> {
  const wanted = fields.flatMap((field) => ['-e', field]);
  const out = await wireshark('tshark', '-n', '-r', file, ...CHECKS, ...options, '-T', 'fields', ...wanted);
  return out
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t'));
}

describe.each(['ipv4', 'ipv6'] as const)('the packets of all scenarios, %s', (family) => {
  const folder = temporaryFolder();
  const labs = new Map<string, Timeline>();
  const fileOf = (id: string) => join(folder, `${id}.pcapng`);
  /** All files one after the other, which is a pcapng file too, and one start of tshark. Each lab has its own ports. */
  const all = join(folder, 'all');
  const seenAt = { client: join(folder, 'seen-at-client'), server: join(folder, 'seen-at-server') };

  beforeAll(async () => {
    const saved = join(folder, 'run.ndjson');
    const outputs = ['--pcap', folder, '--timeline', saved];
    // Long enough for retransmissions of SYN, FIN and data.
    await tcplabHere('run', '--hold', '1300ms', ...outputs, ...(family === 'ipv6' ? ['--ipv6'] : []));
    for (const timeline of (await readSavedRun(saved)).labs) labs.set(scenarioOf(timeline), timeline);
    writeFileSync(all, Buffer.concat([...labs.keys()].map((id) => readFileSync(fileOf(id)))));
    for (const host of HOSTS) {
      await wireshark('tshark', '-r', all, '-Y', `frame.interface_name == "${host}"`, '-w', seenAt[host]);
    }
  });

  /** All packets, in the order of `all`: where to look for each, and what the timeline has. */
  const packets = () =>
    [...labs].flatMap(([id, timeline]) =>
      packetsOf(timeline).map((event, index) => ({ where: `${id}, packet ${index + 1}`, timeline, event })),
    );

  it('are a file each', () => {
    expect(labs.size).toBeGreaterThanOrEqual(26);
    const files = readdirSync(folder).filter((name) => name.endsWith('.pcapng'));
    expect(files.sort()).toEqual([...labs.keys()].map((id) => `${id}.pcapng`).sort());
  });

  it('are as many as the timeline has, in the order of time, by capinfos', async () => {
    const ids = [...labs.keys()];
    const out = await wireshark('capinfos', '-M', '-c', '-o', '-E', ...ids.map(fileOf));
    const counts = [...out.matchAll(/Number of packets: +(\d+)/g)].map(([, count]) => Number(count));
    expect(counts).toEqual(ids.map((id) => packetsOf(labs.get(id) as Timeline).length));
    expect(out.match(/File encapsulation: +rawip/g)).toHaveLength(ids.length);
    expect(out.match(/Strict time order: +True/g)).toHaveLength(ids.length);
  });

  it('are what the timeline has, one by one, and nothing is wrong with them', async () => {
    const frame = ['interface_name', 'packet_flags_direction', 'time_epoch', 'len', 'comment'];
    const sums = [
      'tcp.checksum.status',
      'ip.checksum.status',
      'icmp.checksum.status',
      'icmpv6.checksum.status',
    ];
    const tcp = ['tcp.seq_raw', 'tcp.flags', 'tcp.len'];
    const fields = [...frame.map((name) => `frame.${name}`), '_ws.malformed', ...tcp, ...sums];
    const rows = await fieldsOf(all, fields);
    expect(rows).toHaveLength(packets().length);
    for (const [index, { where, timeline, event }] of packets().entries()) {
      const [host, direction, time, length, comment, malformed, ...rest] = rows[index] ?? [];
      const atNs = openedNs(timeline) + BigInt(Math.round(event.atMs * 1e6));
      expect([host, direction, time, length, malformed], where).toEqual([
        event.host,
        leaves(event) ? '0x00000002' : '0x00000001',
        `${atNs / 1_000_000_000n}.${String(atNs % 1_000_000_000n).padStart(9, '0')}`,
        String(Buffer.from(event.bytes, 'base64').length),
        '',
      ]);
      expect(comment, where).not.toBe('');
      const [tcpSum, ipSum, ...icmpSums] = rest.slice(3);
      if (event.wire.kind === 'tcp') {
        const { seq, flags, length: payload } = event.wire.segment;
        const bits = `0x${flagBits(flags).toString(16).padStart(4, '0')}`;
        expect([...rest.slice(0, 3), tcpSum], where).toEqual([String(seq), bits, String(payload), GOOD]);
      } else {
        expect(icmpSums.join(''), where).toBe(GOOD);
      }
      // The packet's own, and the one of what an ICMP error quotes.
      if (family === 'ipv4') expect(ipSum, where).toMatch(/^1(,1)?$/);
    }
  });

  it('are sent before they arrive', () => {
    for (const [id, timeline] of labs) {
      const connection = timeline.of('claimed')[0]?.connection;
      for (const { atMs, arrivedMs } of connection ? passages(timeline, connection) : []) {
        if (arrivedMs !== null) expect(arrivedMs, id).toBeGreaterThan(atMs);
      }
    }
  });

  it('have the interfaces client and server, and say what made them', async () => {
    const out = await wireshark('capinfos', '-M', fileOf('fin-wait-1'));
    expect(out).toMatch(/Interface #0 info:\s+Name = client\s/);
    expect(out).toMatch(/Interface #1 info:\s+Name = server\s/);
    expect(out).toMatch(/Capture application: +tcplab \d/);
    expect(out).toMatch(/Capture comment: +fin-wait-1: client in FIN-WAIT-1, server in ESTABLISHED: /);
    expect(out.match(/Time resolution = 0x09/g)).toHaveLength(2);
  });

  it('tell each transition that a packet tells, at that packet', async () => {
    const comments = (await fieldsOf(all, ['frame.comment'])).flat();
    for (const [id, timeline] of labs) {
      const connection = timeline.of('claimed')[0]?.connection;
      if (!connection) continue;
      for (const { source, host, atMs, from, to, arc } of stateHistoryOf(timeline, connection).transitions) {
        if (source !== 'packets' || !arc) continue;
        const place = packets().findIndex(
          (packet) =>
            packet.timeline === timeline && packet.event.host === host && packet.event.atMs === atMs,
        );
        // Of a close() whose FIN waits behind data, the call tells.
        if (place < 0) expect([id, arc.trigger]).toEqual([expect.stringMatching(/-behind-data$/), 'close']);
        if (place < 0) continue;
        const sentence = `${host} ${from} → ${to} (arc ${arc.number}, RFC 9293 ${arc.clause})`;
        expect(comments[place], id).toContain(sentence);
      }
    }
  });

  it.each([
    ['close-wait', 'server ESTABLISHED → CLOSE-WAIT (arc 18, RFC 9293 3.10.7.4)'],
    ['fin-wait-1', 'client ESTABLISHED → FIN-WAIT-1 (arc 17, RFC 9293 3.10.4)'],
    ['fin-wait-1', 'dropped by rule 1: tcp dport 80 drop'],
    ['fin-wait-1', 'retransmission 2'],
    ['syn-sent-dropped-at-client', 'dropped by rule 1: tcp dport 80 drop, on its way out: never on the wire'],
    ['syn-flood', 'crafted by tcplab'],
    ['closing', 'client FIN-WAIT-1 → CLOSING (arc 25, RFC 9293 3.10.7.4)'],
  ])('of %s are commented: %s', async (id, sentence) => {
    const comments = await fieldsOf(fileOf(id), ['frame.comment']);
    expect(comments.flat().join('\n')).toContain(sentence);
  });

  it.each(HOSTS)('sent again by the %s are those that Wireshark finds', async (host) => {
    const flags = ['retransmission', 'fast_retransmission', 'spurious_retransmission'];
    const rows = await fieldsOf(seenAt[host], [
      'frame.comment',
      ...flags.map((flag) => `tcp.analysis.${flag}`),
    ]);
    const seen = packets().filter(({ event }) => event.host === host);
    expect(rows).toHaveLength(seen.length);
    const sent = seen.map((packet, index) => ({ ...packet, row: rows[index] ?? [] }));
    const ours: string[] = [];
    const theirs: string[] = [];
    const answered = new Set<string>();
    for (const { where, event, row } of sent) {
      if (!leaves(event)) continue;
      const [comment, ...analysis] = row;
      if (/\bretransmission \d/.test(comment ?? '')) ours.push(where);
      // To Wireshark, the SYN-ACK of a simultaneous open repeats the SYN; but its ACK is new.
      const isNew =
        event.wire.kind === 'tcp' && event.wire.segment.flags === 'S.' && !answered.has(labOf(where));
      if (isNew) answered.add(labOf(where));
      if (analysis.some((flag) => flag !== '') && !isNew) theirs.push(where);
    }
    expect(ours).toEqual(theirs);
    expect(ours.length).toBeGreaterThan(10);
  });

  it.each([
    ['syn-sent', 'client'],
    ['fin-wait-1', 'client'],
    ['last-ack', 'server'],
  ] as const)('of %s are retransmissions of the %s exactly when its kernel reports one', (id, host) => {
    const timeline = labs.get(id) as Timeline;
    const { connection } = timeline.of('claimed')[0] as Claimed;
    const sent = passages(timeline, connection).filter((passage) => passage.host === host);
    const again = sent.filter(({ numbers }) => (numbers?.again ?? 0) > 0).map(({ atMs }) => atMs);
    expect(again).not.toEqual([]);
    const kernel = timeline.of('kernel').filter((event) => event.host === host);
    const traced = kernel.filter(({ name }) => name.startsWith('tcp_retransmit')).map(({ atMs }) => atMs);
    if (!IS_ROOT) return;
    for (const time of again) expect(traced.some((atMs) => Math.abs(atMs - time) < 1)).toBe(true);
  });

  it.each(HOSTS)('have the handshakes that Wireshark finds at the %s', async (host) => {
    const rows = await fieldsOf(seenAt[host], ['tcp.srcport', 'tcp.completeness'], '-2');
    const theirs = rows.filter(([, found]) => (Number(found) & SYN_SYNACK_ACK) === SYN_SYNACK_ACK);
    const ports = theirs.flatMap(([port]) => (port === '80' || port === undefined ? [] : [port]));
    const seen = packets().flatMap(({ event }) => (event.host === host ? [event] : []));
    expect(new Set(ports)).toEqual(handshakesAmong(seen));
    expect(new Set(ports).size).toBeGreaterThan(10);
  });
});

/** `syn-sent, packet 3` */
function labOf(where: string): string {
  return where.split(',')[0] ?? '';
}

const GOOD = '1';
const SYN_SYNACK_ACK = 7;

function openedNs(timeline: Timeline): bigint {
  return BigInt(Date.parse(timeline.of('lab-opened')[0]?.startedAt ?? '')) * 1_000_000n;
}

/** The client ports with a SYN, a SYN-ACK and an ACK, dropped ones included. */
function handshakesAmong(packets: readonly PacketEvent[]): Set<string> {
  const seen = new Map<string, Set<string>>();
  for (const { wire } of packets) {
    if (wire.kind !== 'tcp') continue;
    const { source, destination, flags } = wire.segment;
    const port = String(source.port === 80 ? destination.port : source.port);
    const kind = flags.includes('S') ? flags : flags.includes('R') ? 'R' : '.';
    seen.set(port, (seen.get(port) ?? new Set()).add(kind));
  }
  const isWhole = (kinds: Set<string>) => ['S', 'S.', '.'].every((kind) => kinds.has(kind));
  return new Set([...seen].filter(([, kinds]) => isWhole(kinds)).map(([port]) => port));
}
