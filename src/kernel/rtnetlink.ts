import { addressBytes } from '../tcp/endpoint.ts';
import { check, libc } from './libc.ts';
import {
  attribute,
  NETLINK_ROUTE,
  type NetlinkRequest,
  NetlinkSocket,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_EXCL,
  netlinkMessage,
  text,
  u32,
} from './netlink.ts';
import { AF_INET, AF_INET6 } from './socket-address.ts';

// rtnetlink(7); include/uapi/linux/rtnetlink.h, if_link.h, veth.h
const RTM_NEWLINK = 16;
const RTM_NEWADDR = 20;
const RTM_NEWROUTE = 24;
const RTM_NEWNEIGH = 28;
const RTM_DELNEIGH = 29;
const RTM_NEWQDISC = 36;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_FD = 28;
const IFLA_NUM_TX_QUEUES = 31;
const IFLA_NUM_RX_QUEUES = 32;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_F_NODAD = 0x02;
const RTA_DST = 1;
const RTA_OIF = 4;
const RT_TABLE_MAIN = 254;
const RTPROT_STATIC = 4;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NUD_PERMANENT = 0x80;
const NLM_F_REPLACE = 0x100;
const IFF_UP = 1;
const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TC_H_ROOT = 0xffffffff;
const LOOPBACK = 1;
const CREATE = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;

export interface AddressWithPrefix {
  address: string;
  prefix: number;
  /** The one host at the other end of the link: it gets a route of its own, where no prefix leads to it. */
  peer?: string;
}

/** Another host on the same link. */
export interface Neighbour {
  address: string;
  linkAddress: Uint8Array;
}

/** An end of a veth pair. */
export interface VethEnd {
  interface: string;
  /** 6 bytes. */
  linkAddress: Uint8Array;
  /** In bytes; default: 1500. */
  mtu?: number;
}

/**
 * Makes a veth pair (veth(4)): one end here, the other one in another namespace. By default each end has two queues per CPU, and each queue has a
 * folder in sysfs. With one queue in each direction the pair takes a third less time, and saves more with more CPUs.
 */
export function createVethPair(here: VethEnd, otherNamespace: number, there: VethEnd): void {
  const peer = Buffer.concat([
    linkHeader(0, 0),
    attribute(IFLA_IFNAME, text(there.interface)),
    attribute(IFLA_ADDRESS, Buffer.from(there.linkAddress)),
    ...mtuOf(there),
    attribute(IFLA_NET_NS_FD, u32(otherNamespace)),
    ...oneQueue(),
  ]);
  const info = Buffer.concat([
    attribute(IFLA_INFO_KIND, text('veth')),
    attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peer)),
  ]);
  const body = [
    linkHeader(0, 0),
    attribute(IFLA_IFNAME, text(here.interface)),
    attribute(IFLA_ADDRESS, Buffer.from(here.linkAddress)),
    ...mtuOf(here),
    ...oneQueue(),
    attribute(IFLA_LINKINFO, info),
  ];
  ask({ message: netlinkMessage(RTM_NEWLINK, CREATE, ...body), detail: `create veth ${here.interface}` });
}

function mtuOf({ mtu }: VethEnd): Buffer[] {
  return mtu === undefined ? [] : [attribute(IFLA_MTU, u32(mtu))];
}

function oneQueue(): Buffer[] {
  return [attribute(IFLA_NUM_TX_QUEUES, u32(1)), attribute(IFLA_NUM_RX_QUEUES, u32(1))];
}

export function setLoopbackUp(): void {
  ask(setUp(LOOPBACK, 'the loopback'));
}

/** Gives an interface its addresses and permanent neighbours, and sets it and the loopback up. */
export function configureLink(
  name: string,
  addresses: readonly AddressWithPrefix[],
  neighbours: readonly Neighbour[] = [],
): void {
  const index = interfaceIndex(name);
  ask(
    ...addresses.map((address) => newAddress(index, name, address)),
    setUp(LOOPBACK, 'the loopback'),
    setUp(index, name),
    // Not by IFA_ADDRESS: for IPv6, the kernel makes that route in a work queue (net/ipv6/addrconf.c, addrconf_dad_completed).
    ...addresses.flatMap(({ peer }) => (peer === undefined ? [] : newRoute(index, peer))),
    ...neighbours.map((neighbour) => newNeighbour(index, neighbour)),
  );
}

/** Gives an interface one more address. */
export function addAddress(name: string, address: AddressWithPrefix): void {
  ask(newAddress(interfaceIndex(name), name, address));
}

/** Sets a neighbor's link-layer address. Packets that wait for it are sent before the call returns. */
export function setNeighbour(name: string, neighbour: Neighbour): void {
  ask(newNeighbour(interfaceIndex(name), neighbour));
}

/** Has the kernel forget it. */
export function forgetNeighbour(name: string, address: string): void {
  const message = netlinkMessage(RTM_DELNEIGH, NLM_F_ACK, ...neighbourAt(interfaceIndex(name), address));
  ask({ message, detail: `forget neighbour ${address}` });
}

/** Gives an interface a first-in, first-out send queue of so many packets (tc-pfifo(8)). */
export function setQueue(name: string, packets: number): void {
  // struct tcmsg (20 bytes, aligned to 4).
  const header = Buffer.alloc(20);
  header.writeInt32LE(interfaceIndex(name), 4);
  header.writeUInt32LE(TC_H_ROOT, 12);
  const body = [header, attribute(TCA_KIND, text('pfifo')), attribute(TCA_OPTIONS, u32(packets))];
  ask({ message: netlinkMessage(RTM_NEWQDISC, CREATE, ...body), detail: `set queue of ${name}` });
}

function setUp(index: number, name: string): NetlinkRequest {
  const message = netlinkMessage(RTM_NEWLINK, NLM_F_ACK, linkHeader(index, IFF_UP));
  return { message, detail: `set ${name} up` };
}

/** struct rtmsg (12 bytes): to one host, which is on the link. */
function newRoute(index: number, address: string): NetlinkRequest {
  const bytes = addressBytes(address);
  const header = Buffer.alloc(12);
  header.writeUInt8(bytes.length === 16 ? AF_INET6 : AF_INET, 0);
  header.writeUInt8(bytes.length * 8, 1);
  header.writeUInt8(RT_TABLE_MAIN, 4);
  header.writeUInt8(RTPROT_STATIC, 5);
  header.writeUInt8(RT_SCOPE_LINK, 6);
  header.writeUInt8(RTN_UNICAST, 7);
  const body = [header, attribute(RTA_DST, bytes), attribute(RTA_OIF, u32(index))];
  return { message: netlinkMessage(RTM_NEWROUTE, CREATE, ...body), detail: `set route to ${address}` };
}

function newNeighbour(index: number, { address, linkAddress }: Neighbour): NetlinkRequest {
  const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  const linkLayer = attribute(NDA_LLADDR, Buffer.from(linkAddress));
  const message = netlinkMessage(RTM_NEWNEIGH, flags, ...neighbourAt(index, address), linkLayer);
  return { message, detail: `set neighbour ${address}` };
}

/** struct ndmsg (12 bytes, aligned to 4) and the address. */
function neighbourAt(index: number, address: string): Buffer[] {
  const bytes = addressBytes(address);
  const header = Buffer.alloc(12);
  header.writeUInt8(bytes.length === 16 ? AF_INET6 : AF_INET, 0);
  header.writeInt32LE(index, 4);
  header.writeUInt16LE(NUD_PERMANENT, 8);
  return [header, attribute(NDA_DST, bytes)];
}

/**
 * Turns checksum and segmentation offloads off, as `ethtool -K NAME tx off rx off gso off gro off` does: what is captured then
 * stands on the wire like that, with whole checksums and no segment longer than the MTU.
 */
export function disableOffloads(name: string): void {
  withControlSocket((fd) => {
    for (const command of [ETHTOOL_STXCSUM, ETHTOOL_SGSO, ETHTOOL_SGRO]) {
      const value = Buffer.alloc(8);
      value.writeUInt32LE(command, 0);
      // struct ifreq (40 bytes, aligned to 8): the name, then a pointer to the value.
      const request = { name, data: value, rest: new Uint8Array(16) };
      check(libc.ethtool(fd, SIOCETHTOOL, request), 'ioctl', `SIOCETHTOOL ${name}`);
    }
  });
}

const SIOCETHTOOL = 0x8946;
const SIOCGIFINDEX = 0x8933;
const ETHTOOL_STXCSUM = 0x17;
const ETHTOOL_SGSO = 0x24;
const ETHTOOL_SGRO = 0x2c;

export function interfaceIndex(name: string): number {
  return withControlSocket((fd) => {
    // struct ifreq: the index follows the name.
    const request = Buffer.alloc(40);
    request.write(name);
    check(libc.ioctl(fd, SIOCGIFINDEX, request), 'ioctl', `SIOCGIFINDEX ${name}`);
    return request.readInt32LE(16);
  });
}

function withControlSocket<T>(work: (fd: number) => T): T {
  const fd = check(libc.socket(2, 2, 0), 'socket', 'for interface requests');
  try {
    return work(fd);
  } finally {
    libc.close(fd);
  }
}

function ask(...requests: NetlinkRequest[]): void {
  const socket = new NetlinkSocket(NETLINK_ROUTE);
  try {
    socket.requestAll(requests);
  } finally {
    socket.close();
  }
}

/** struct ifinfomsg (16 bytes, aligned to 4). */
function linkHeader(index: number, flags: number): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(flags, 8);
  header.writeUInt32LE(flags, 12);
  return header;
}

/** Duplicate address detection would keep an IPv6 address unusable for a second, on a link without other hosts. */
function newAddress(index: number, name: string, { address, prefix }: AddressWithPrefix): NetlinkRequest {
  const bytes = addressBytes(address);
  // struct ifaddrmsg (8 bytes, aligned to 4), with the index behind.
  const header = Buffer.from([
    bytes.length === 16 ? AF_INET6 : AF_INET,
    prefix,
    bytes.length === 16 ? IFA_F_NODAD : 0,
    0,
  ]);
  const body = [header, u32(index), attribute(IFA_LOCAL, bytes), attribute(IFA_ADDRESS, bytes)];
  const message = netlinkMessage(RTM_NEWADDR, CREATE, ...body);
  return { message, detail: `give ${name} the address ${address}` };
}
