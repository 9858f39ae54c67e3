import { established } from '../opening.ts';
import type { BoxScenario } from '../scenario.ts';
import { untilDropped } from './forgetting.ts';

/** More than one segment of any MTU here. */
const BYTES = 5000;

export const boxMtuBlackHole: BoxScenario = {
  id: 'box-mtu-black-hole',
  title: 'a router has a smaller MTU and tells nobody: the handshake passes, large segments never do',
  held: { host: 'client', state: 'ESTABLISHED' },
  peer: 'ESTABLISHED',
  heldBy: 'the box drops its own "packet too big"',
  conditions: ['dropped-by-box', 'retransmission-timer'],
  ours: { client: 'it must send more than fits the MTU' },
  box: {
    mtu: 1300,
    rules: [
      {
        chain: 'output',
        match: { ipv4: 'icmp type destination-unreachable', ipv6: 'icmpv6 type packet-too-big' },
        does: 'drop',
      },
    ],
  },
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await stage.client.send(clientSocket, Buffer.alloc(BYTES));
    await untilDropped(stage);
    return connection;
  },
  about: {
    steps: [
      'The link from the box to the server has an MTU of 1300 bytes. Both ends have 1500, and agreed on segments for that.',
      'The client sends 5000 bytes. The box can neither forward such packets nor split them.',
      'It should answer "fragmentation needed" (IPv6: "packet too big"), but a rule drops all ICMP.',
    ],
    client: 'ESTABLISHED, with its data in Send-Q: it retransmits what can never arrive.',
    server:
      'ESTABLISHED. It has only the last, small segment, which is out of order: a read returns nothing.',
    tracked: 'It tracks nothing, and needs no entry for it.',
    end: 'The client gives up with ETIMEDOUT after tcp_retries2 retransmissions, about 15 min by default.',
    fix:
      'Let the ICMP errors pass. Or lower the MSS at the box (nft: tcp option maxseg size set rt mtu), or set net.ipv4.' +
      'tcp_mtu_probing=1 at the client: it then finds the size after some timeouts.',
    remark:
      'Small requests work, large ones hang: a login succeeds, and the first long answer stalls (RFC 2923, 2.1).',
  },
};
