import type { LabOpened, RunStarted } from '../../../evidence/events.ts';
import { isWatched } from '../../../evidence/foreign-rules.ts';
import type { Timeline } from '../../../evidence/timeline.ts';
import { completeChecksum, packetLength } from '../../../tcp/segment.ts';
import { leaves } from '../../story/connections.ts';
import { resultOf } from '../../story/result.ts';
import { enhancedPacket, interfaceDescription, type Packet, sectionHeader } from './blocks.ts';
import { packetComments } from './comments.ts';
import { type PacketEvent, packetsOf } from './packets.ts';

const INTERFACES = ['client', 'server'] as const;

/**
 * The packets of a lab as a capture file, with one interface per host: the packets that the host captured, and those that a
 * rule dropped on their way out, which no capture contains. Each packet's comment explains its effect.
 */
export function formatPcapng(
  timeline: Timeline,
  { tool, machine }: Pick<RunStarted, 'tool' | 'machine'> & Partial<RunStarted>,
): Buffer {
  const opened = timeline.of('lab-opened')[0] as LabOpened;
  const startNs = BigInt(Date.parse(opened.startedAt)) * 1_000_000n;
  const comments = packetComments(timeline);
  return Buffer.concat([
    sectionHeader({
      comment: summary(timeline),
      hardware: machine.arch,
      os: `Linux ${machine.kernel}`,
      application: `${tool.name} ${tool.version}`,
    }),
    ...INTERFACES.map((name) =>
      interfaceDescription({ name, description: `the ${name}, ${opened.addresses[name]}` }),
    ),
    ...packetsOf(timeline).map((event) => enhancedPacket(packet(event, startNs, comments.get(event) ?? ''))),
  ]);
}

function packet(event: PacketEvent, startNs: bigint, comment: string): Packet {
  const raw = Buffer.from(event.bytes, 'base64');
  // Only at the interface does the kernel fill in the checksum (net/core/dev.c, skb_csum_hwoffload_help).
  const bytes = event.type === 'dropped' ? completeChecksum(raw) : raw;
  return {
    interface: INTERFACES.indexOf(event.host),
    atNs: startNs + BigInt(Math.round(event.atMs * 1e6)),
    bytes,
    length: Math.max(packetLength(bytes), bytes.length),
    direction: leaves(event) ? 'outbound' : 'inbound',
    comment,
  };
}

function summary(timeline: Timeline): string {
  if (isWatched(timeline)) return 'a lab in which others acted, watched by tcplab';
  if (!timeline.of('claimed')[0] && !timeline.of('gave-up')[0]) return 'nothing was claimed';
  const { scenario, host, state, peer, verdict, because } = resultOf(timeline);
  const other = peer.state ? `, ${peer.host} in ${peer.state}` : '';
  return `${scenario}: ${host} in ${state}${other}: ${verdict}${because ? `, ${because}` : ''}`;
}
