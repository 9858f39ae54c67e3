import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { HostName } from '../src/evidence/events.ts';
import type { Lab } from '../src/lab/lab.ts';
import type { Family } from '../src/tcp/endpoint.ts';
import { eventually, IS_ROOT } from './cli.ts';

/** tcpdump beside tcplab, in a host of a lab. */

export interface Dump {
  child: ChildProcess;
  bytes: Buffer;
}

/** tcpdump changes its user once it has opened the interface, which a user namespace does not allow: there dumpcap. */
const DUMPERS = {
  tcpdump: {
    args: ['-n', '-s', '0', '-U', '--immediate-mode', '-w', '-'],
    isReady: 'listening on',
    filter: '',
  },
  dumpcap: { args: ['-q', '-P', '-w', '-'], isReady: 'File: -', filter: '-f' },
};

/** Comes back once it reads packets. */
export async function startDump(lab: Lab, host: HostName, link: string, family: Family): Promise<Dump> {
  // Errors about TCP, not the neighbour discovery of IPv6.
  const filter = family === 'ipv6' ? 'tcp or (icmp6 and ip6[40] < 128)' : 'tcp or icmp';
  const name = IS_ROOT ? 'tcpdump' : 'dumpcap';
  const dumper = DUMPERS[name];
  const args = ['-i', link, ...dumper.args, ...(dumper.filter ? [dumper.filter] : []), filter];
  const child = await lab.host(host).spawn(name, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const dump: Dump = { child, bytes: Buffer.alloc(0) };
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    dump.bytes = Buffer.concat([dump.bytes, chunk]);
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await eventually(`${name} to listen`, () => {
    if (child.exitCode !== null) throw new Error(`${name}: ${said}`);
    return said.includes(dumper.isReady);
  });
  return dump;
}

/** Has it write at least so many packets, and end. */
export async function endDump(dump: Dump, atLeast: number): Promise<Buffer[]> {
  await eventually(`${atLeast} packets of tcpdump`, () => recordsOf(dump.bytes).length >= atLeast);
  const ended = once(dump.child, 'close');
  dump.child.kill('SIGINT');
  await ended;
  return recordsOf(dump.bytes);
}

const [PCAP_HEADER, RECORD_HEADER] = [24, 16];

/** The records of a pcap file, each with its header (pcap-savefile(5)). */
function recordsOf(pcap: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = PCAP_HEADER; at + RECORD_HEADER <= pcap.length; ) {
    const end = at + RECORD_HEADER + pcap.readUInt32LE(at + 8);
    if (end > pcap.length) break;
    records.push(pcap.subarray(at, end));
    at = end;
  }
  return records;
}

/** struct pcap_file_header: Ethernet, and times that nobody looks at here. */
export function pcapHeader(): Buffer {
  const header = Buffer.alloc(PCAP_HEADER);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(0x40000, 16);
  header.writeUInt32LE(1, 20);
  return header;
}
