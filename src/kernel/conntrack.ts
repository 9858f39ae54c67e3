import { SystemError } from '../error.ts';
import { addressBytes, type Endpoint } from '../tcp/endpoint.ts';
import { PROTOCOL } from '../tcp/headers.ts';
import {
  attribute,
  NETLINK_NETFILTER,
  NetlinkSocket,
  NLM_F_ACK,
  netlinkMessage,
  parseAttributes,
  u16be,
} from './netlink.ts';

// include/uapi/linux/netfilter/nfnetlink_conntrack.h
const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = 1;
const IPCTNL_MSG_CT_DELETE = 2;
const CTA_TUPLE_ORIG = 1;
const CTA_STATUS = 3;
const CTA_PROTOINFO = 4;
const CTA_TIMEOUT = 7;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP = { v4: { source: 1, destination: 2 }, v6: { source: 3, destination: 4 } };
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
const CTA_PROTOINFO_TCP = 1;
const CTA_PROTOINFO_TCP_STATE = 1;
const NLA_F_NESTED = 0x8000;
const AF_INET = 2;
const AF_INET6 = 10;

// include/uapi/linux/netfilter/nf_conntrack_common.h
const IPS_SEEN_REPLY = 2;
const IPS_ASSURED = 4;

/** The words of conntrack(8), by their numbers (include/uapi/linux/netfilter/nf_conntrack_tcp.h). */
const CONNTRACK_STATES = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
] as const;
type ConntrackState = (typeof CONNTRACK_STATES)[number];

/** What connection tracking has of a connection. */
export interface ConntrackEntry {
  state: ConntrackState;
  /** Both ends have sent: else conntrack(8) prints `[UNREPLIED]`. */
  replied: boolean;
  /** `[ASSURED]`: it is not removed early when the table is full. */
  assured: boolean;
  /** When it is removed if no packet arrives until then, in whole seconds. */
  expiresS: number;
}

/**
 * Connection tracking in the namespace in which it was opened. It asks for an entry by its addresses and ports, which takes a few
 * microseconds: a dump would walk through the buckets of the whole machine.
 */
export class Conntrack {
  readonly #netlink = new NetlinkSocket(NETLINK_NETFILTER);

  /** The entry of a connection; undefined if there is none, or it has expired. `from`: who sent the first packet. */
  get(from: Endpoint, to: Endpoint): ConntrackEntry | undefined {
    const body = this.#ask(IPCTNL_MSG_CT_GET, from, to);
    return body && parse(body);
  }

  /** Removes the entry of a connection. Returns whether there was one. */
  delete(from: Endpoint, to: Endpoint): boolean {
    return this.#ask(IPCTNL_MSG_CT_DELETE, from, to) !== undefined;
  }

  close(): void {
    this.#netlink.close();
  }

  /** The body of its answer, empty if it has none; undefined without an entry. */
  #ask(type: number, from: Endpoint, to: Endpoint): Buffer | undefined {
    const source = addressBytes(from.address);
    const family = source.length === 16 ? AF_INET6 : AF_INET;
    const [sourceType, destinationType] = Object.values(family === AF_INET6 ? CTA_IP.v6 : CTA_IP.v4);
    const tuple = nested(
      CTA_TUPLE_ORIG,
      nested(
        CTA_TUPLE_IP,
        attribute(sourceType as number, source),
        attribute(destinationType as number, addressBytes(to.address)),
      ),
      nested(
        CTA_TUPLE_PROTO,
        attribute(CTA_PROTO_NUM, Buffer.from([PROTOCOL.tcp])),
        attribute(CTA_PROTO_SRC_PORT, u16be(from.port)),
        attribute(CTA_PROTO_DST_PORT, u16be(to.port)),
      ),
    );
    const message = netlinkMessage(
      (NFNL_SUBSYS_CTNETLINK << 8) | type,
      NLM_F_ACK,
      // struct nfgenmsg
      Buffer.from([family, 0, 0, 0]),
      tuple,
    );
    try {
      const [answer] = this.#netlink.request(message, 'conntrack entry');
      return answer?.body ?? Buffer.alloc(0);
    } catch (error) {
      if (error instanceof SystemError && error.errno === 'ENOENT') return undefined;
      throw error;
    }
  }
}

function nested(type: number, ...parts: Uint8Array[]): Buffer {
  return attribute(type | NLA_F_NESTED, ...parts);
}

function parse(body: Buffer): ConntrackEntry {
  const attributes = parseAttributes(body.subarray(4));
  const inside = (outer: Map<number, Buffer>, type: number) =>
    parseAttributes(outer.get(type) ?? Buffer.alloc(0));
  const tcp = inside(inside(attributes, CTA_PROTOINFO), CTA_PROTOINFO_TCP);
  const status = attributes.get(CTA_STATUS)?.readUInt32BE(0) ?? 0;
  return {
    state: CONNTRACK_STATES[tcp.get(CTA_PROTOINFO_TCP_STATE)?.readUInt8(0) ?? 0] ?? 'NONE',
    replied: (status & IPS_SEEN_REPLY) !== 0,
    assured: (status & IPS_ASSURED) !== 0,
    expiresS: attributes.get(CTA_TIMEOUT)?.readUInt32BE(0) ?? 0,
  };
}
