import { NETLINK_NETFILTER, NetlinkSocket, NLM_F_ACK, netlinkMessage, parseAttributes } from './netlink.ts';

// include/uapi/linux/netfilter/nfnetlink.h, nf_tables.h
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = 15;
const NFT_MSG_GETGEN = 16;
const NFTA_GEN_ID = 1;

/** Tells when the rules of nftables in a namespace have changed: their generation grows with each change (nft_gen_info). */
export class NftGeneration {
  readonly #netlink: NetlinkSocket;

  /** In the namespace in which the thread is now. */
  constructor() {
    this.#netlink = new NetlinkSocket(NETLINK_NETFILTER);
  }

  /** Of the rules as they are now. */
  read(): number {
    const request = netlinkMessage((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN, NLM_F_ACK, Buffer.alloc(4));
    for (const { type, body } of this.#netlink.request(request, 'generation of the rules')) {
      if (type !== ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWGEN)) continue;
      return parseAttributes(body.subarray(4)).get(NFTA_GEN_ID)?.readUInt32BE(0) ?? 0;
    }
    return 0;
  }

  close(): void {
    this.#netlink.close();
  }
}
