import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Captured, Dropped, HostName } from '../src/evidence/events.ts';
import { Lab } from '../src/lab/lab.ts';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import { reachState } from '../src/scenario/reach.ts';
import type { Scenario } from '../src/scenario/scenario.ts';
import type { Family } from '../src/tcp/endpoint.ts';
import { flagBits, type WirePacket } from '../src/tcp/segment.ts';
import { eventually, temporaryFolder } from './cli.ts';
import { endDump, pcapHeader, startDump } from './dump.ts';

const HOSTS = ['client', 'server'] as const;
/** Of these nothing comes onto the wire. */
const SILENT = ['syn-sent-dropped-at-client'];
/** What a host sends to itself passes its loopback, of which libpcap gives only what arrives. */
const LOOPBACK = ['self-connect'];
const FAMILIES = ['ipv4', 'ipv6'] as const;

/** A packet as both tell it; numbers are absolute. An ICMP error has its type, and the segment that it quotes. */
interface Packet {
  from: string;
  to: string;
  flags: number | null;
  seq: number;
  ack: number | null;
  length: number | null;
  icmp: string | null;
}

interface Sighting {
  scenario: string;
  host: HostName;
  captured: Captured[];
  /** By a rule on its way out. */
  droppedOut: Dropped[];
  /** What tcpdump wrote, record by record. */
  records: Buffer[];
  /** The same as tshark reads it. */
  theirs: Packet[];
}

/**
 * tcpdump reads packets beside us in both hosts of every lab; one tshark then reads what all of them wrote. Data, drops
 * at either end and retransmissions are in it.
 */
describe.each(FAMILIES)('beside tcpdump and tshark, %s', (family) => {
  let sightings: Sighting[] = [];

  beforeAll(async () => {
    const queue = [...CATALOGUE];
    const worker = async () => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        sightings.push(...(await sightingsOf(next, family)));
      }
    };
    sightings = [];
    await Promise.all([worker(), worker(), worker()]);
    const read = readWithTshark(sightings.flatMap(({ records }) => records));
    for (const sighting of sightings) sighting.theirs = read.splice(0, sighting.records.length);
  });

  describe.each(HOSTS)('at the %s', (host) => {
    it.each(CATALOGUE)('our timeline has the same packets: $id', ({ id }) => {
      const { captured, theirs } = find(sightings, id, host);
      const ours = captured.slice(0, theirs.length).map(({ wire }) => packetOf(wire));
      expect(theirs).toEqual(ours);
      const isSilent = SILENT.includes(id) || (LOOPBACK.includes(id) && host === 'server');
      expect(theirs.length > 0).toBe(!isSilent);
    });
  });

  const dropping: [id: string, host: HostName][] = [
    ['syn-sent-dropped-at-client', 'client'],
    ['syn-received-dropped-at-server', 'server'],
  ];

  it.each(dropping)('only we see what a rule drops on its way out: %s', (id, host) => {
    const { droppedOut, theirs } = find(sightings, id, host);
    const dropped = droppedOut.map(({ wire }) => packetOf(wire));
    expect(dropped).not.toEqual([]);
    for (const other of HOSTS) {
      const seen = other === host ? theirs : find(sightings, id, other).theirs;
      for (const packet of dropped) expect(seen).not.toContainEqual(packet);
    }
  });

  it('there were drops on the way in, data, and retransmissions', () => {
    const all = sightings.flatMap(({ theirs }) => theirs);
    expect(all.some(({ length }) => length)).toBe(true);
    const sent = find(sightings, 'fin-wait-1', 'server').theirs.filter(
      ({ flags }) => flags === flagBits('F.'),
    );
    expect(sent.length).toBeGreaterThan(1);
    expect(sent[1]).toEqual(sent[0]);
  });
});

async function sightingsOf(scenario: Scenario, family: Family): Promise<Sighting[]> {
  const lab = await Lab.open({ family });
  try {
    const isLoopback = LOOPBACK.includes(scenario.id);
    const link = isLoopback ? 'lo' : 'eth0';
    const dumps = [
      await startDump(lab, 'client', link, family),
      await startDump(lab, 'server', link, family),
    ];
    expect(await reachState(lab, scenario)).toBeDefined();
    // Long enough for a retransmitted FIN.
    if (scenario.id === 'fin-wait-1')
      await eventually('a retransmitted FIN', async () => {
        await lab.observe();
        const sent = lab.timeline
          .of('captured')
          .filter(({ host, direction }) => host === 'client' && direction === 'sent');
        return sent.filter(({ wire }) => wire.kind === 'tcp' && wire.segment.flags === 'F.').length > 1;
      });
    await lab.observe();
    const seenBoth = (host: HostName) =>
      capturedAt(lab, host).filter(({ direction }) => !isLoopback || direction === 'received');
    const counts = HOSTS.map((host) => seenBoth(host).length);
    const records: Buffer[][] = [];
    for (const [index, dump] of dumps.entries()) records.push(await endDump(dump, counts[index] ?? 0));
    // What came while tcpdump ended is known to us as well.
    await lab.observe();
    return HOSTS.map((host, index) => ({
      scenario: scenario.id,
      host,
      captured: seenBoth(host),
      droppedOut: lab.timeline.of('dropped').filter((event) => event.host === host && event.hook === 'out'),
      records: records[index] ?? [],
      theirs: [],
    }));
  } finally {
    await lab[Symbol.asyncDispose]();
  }
}

function capturedAt(lab: Lab, host: HostName): Captured[] {
  return lab.timeline.of('captured').filter((event) => event.host === host);
}

const FIELDS = [
  ...['ip.src', 'ip.dst', 'ipv6.src', 'ipv6.dst', 'tcp.srcport', 'tcp.dstport'],
  ...['tcp.flags', 'tcp.seq', 'tcp.ack_raw', 'tcp.len'],
  ...['icmp.type', 'icmp.code', 'icmpv6.type', 'icmpv6.code'],
] as const;

function readWithTshark(records: Buffer[]): Packet[] {
  const file = join(temporaryFolder(), 'all.pcap');
  writeFileSync(file, Buffer.concat([pcapHeader(), ...records]));
  // Of an ICMP error the last occurrence of a field is that of the segment that it quotes.
  const args = [
    '-n',
    '-r',
    file,
    '-o',
    'tcp.relative_sequence_numbers:FALSE',
    '-T',
    'fields',
    '-E',
    'separator=|',
    '-E',
    'occurrence=l',
  ];
  args.push('--disable-protocol', 'http', ...FIELDS.flatMap((field) => ['-e', field]));
  const { status, stdout, stderr } = spawnSync('tshark', args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`tshark ended with ${status}: ${stderr}`);
  const lines = stdout.split('\n').filter((line) => line !== '');
  expect(lines.length).toBe(records.length);
  return lines.map((line) => {
    const values = line.split('|');
    return asPacket((field) => values[FIELDS.indexOf(field)] ?? '');
  });
}

function asPacket(field: (name: (typeof FIELDS)[number]) => string): Packet {
  const ends = {
    from: `${field('ip.src') || field('ipv6.src')} ${field('tcp.srcport')}`,
    to: `${field('ip.dst') || field('ipv6.dst')} ${field('tcp.dstport')}`,
    seq: Number(field('tcp.seq')),
  };
  const type = field('icmp.type') || field('icmpv6.type');
  if (type) {
    const icmp = `${type} ${field('icmp.code') || field('icmpv6.code')}`;
    return { ...ends, flags: null, ack: null, length: null, icmp };
  }
  const flags = Number(field('tcp.flags')) & 0xff;
  const ack = flags & flagBits('.') ? Number(field('tcp.ack_raw')) : null;
  return { ...ends, flags, ack, length: Number(field('tcp.len')), icmp: null };
}

function packetOf(wire: WirePacket): Packet {
  const { source, destination, seq } = wire.kind === 'tcp' ? wire.segment : wire.error.quoted;
  const ends = {
    from: `${source.address} ${source.port}`,
    to: `${destination.address} ${destination.port}`,
    seq,
  };
  if (wire.kind === 'icmp') {
    const { type, code } = wire.error;
    return { ...ends, flags: null, ack: null, length: null, icmp: `${type} ${code}` };
  }
  const { flags, ack, length } = wire.segment;
  return { ...ends, flags: flagBits(flags), ack, length, icmp: null };
}

function find(sightings: Sighting[], scenario: string, host: HostName): Sighting {
  const found = sightings.find((sighting) => sighting.scenario === scenario && sighting.host === host);
  if (!found) throw new Error(`nothing was seen of ${scenario} at the ${host}`);
  return found;
}
