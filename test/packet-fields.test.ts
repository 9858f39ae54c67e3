import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../src/lab/lab.ts';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import { reachState } from '../src/scenario/reach.ts';
import type { Family } from '../src/tcp/endpoint.ts';
import { type PacketField, packetFields, windowScaleOf } from '../src/tcp/packet-fields.ts';
import { temporaryFolder } from './cli.ts';
import { pcapHeader } from './dump.ts';

/** The fields of a packet, as the page shows them: tshark reads the same in the same bytes. */

const THEIRS = {
  ttl: ['ip.ttl', 'ipv6.hlim'],
  seq: ['tcp.seq_raw'],
  ack: ['tcp.ack_raw'],
  flags: ['tcp.flags'],
  window: ['tcp.window_size_value'],
  checksum: ['tcp.checksum'],
  mss: ['tcp.options.mss_val'],
  scale: ['tcp.options.wscale.shift'],
  value: ['tcp.options.timestamp.tsval'],
  echo: ['tcp.options.timestamp.tsecr'],
  headers: ['tcp.hdr_len'],
} as const;

type Read = Record<keyof typeof THEIRS, string>;

function read(fields: readonly PacketField[]): Read {
  const of = (name: string) => fields.find((field) => field.name === name);
  const number = (name: string) => String(of(name)?.number ?? '');
  const [, value = '', echo = ''] =
    /^value (\d+), echo reply (\d+)$/.exec(of('timestamps')?.value ?? '') ?? [];
  return {
    ttl: number('time to live') || number('hop limit'),
    seq: number('sequence number'),
    ack: number('acknowledgment number'),
    flags: `0x${(of('flags')?.number ?? 0).toString(16).padStart(4, '0')}`,
    window: number('window'),
    checksum: of('checksum')?.value ?? '',
    mss: /^\d+/.exec(of('maximum segment size')?.value ?? '')?.[0] ?? '',
    scale: String(windowScaleOf(fields) ?? ''),
    value,
    echo,
    headers: /\d+/.exec(of('data offset')?.value ?? '')?.[0] ?? '',
  };
}

describe.each(['ipv4', 'ipv6'] as const)('packet fields, %s', (family: Family) => {
  let packets: Buffer[] = [];

  beforeAll(async () => {
    const scenario = CATALOGUE.find(({ id }) => id === 'time-wait');
    if (!scenario) throw new Error('no scenario');
    await using lab = await Lab.open({ family });
    await reachState(lab, scenario);
    packets = lab.timeline.of('captured').map(({ bytes }) => Buffer.from(bytes, 'base64'));
  });

  it('has the values that tshark reads', (context) => {
    const file = join(temporaryFolder(), 'packets.pcap');
    const records = packets.flatMap((packet) => {
      const head = Buffer.alloc(16);
      head.writeUInt32LE(packet.length, 8);
      head.writeUInt32LE(packet.length, 12);
      return [head, packet];
    });
    const header = pcapHeader();
    // LINKTYPE_RAW: each begins with its IP header.
    header.writeUInt32LE(101, 20);
    writeFileSync(file, Buffer.concat([header, ...records]));
    const names = Object.values(THEIRS).flat();
    const { status, stdout, error } = spawnSync(
      'tshark',
      ['-r', file, '-T', 'fields', ...names.flatMap((name) => ['-e', name])],
      { encoding: 'utf8' },
    );
    if (error) context.skip('needs tshark, which this machine does not have');
    expect(status).toBe(0);
    const theirs = stdout
      .replace(/\n$/, '')
      .split('\n')
      .map((line) => {
        const values = line.split('\t');
        const entries = Object.entries(THEIRS).map(([key, all]) => [
          key,
          all.map((name: string) => values[names.indexOf(name as (typeof names)[number])]).join(''),
        ]);
        return Object.fromEntries(entries) as Read;
      });
    expect(packets.length).toBeGreaterThan(6);
    expect(packets.map((packet) => read(packetFields(packet)))).toEqual(theirs);
  });

  it('covers each byte of a header once', () => {
    for (const packet of packets) {
      const fields = packetFields(packet);
      const covered = fields.flatMap(({ at, length }) => Array.from({ length }, (_, index) => at + index));
      expect(covered).toEqual(Array.from(packet, (_, index) => index));
    }
  });

  it('leaves out what a cut packet does not have, and never reads beyond it', () => {
    for (const packet of packets)
      for (let length = 1; length < packet.length; length++)
        for (const { at, length: size } of packetFields(packet.subarray(0, length)))
          expect(at + size).toBeLessThanOrEqual(length);
  });

  it('names an option that is malformed, and reads nothing after it', () => {
    const syn = Buffer.from(packets[0] ?? '');
    const mss = packetFields(syn).find(({ name }) => name === 'maximum segment size');
    if (!mss) throw new Error('no SYN');
    syn.writeUInt8(0, mss.at + 1);
    const options = packetFields(syn).filter(({ layer }) => layer === 'TCP option');
    expect(options.map(({ name, value }) => [name, value])).toEqual([['malformed', 'kind 2, length 0']]);
  });
});
