/** The settings that rule timers and the room there is for sockets. */
export interface TcpSysctls {
  synRetries: number;
  synLinearTimeouts: number;
  synackRetries: number;
  syncookies: number;
  maxSynBacklog: number;
  /** Caps the backlog of listen(2). */
  somaxconn: number;
  abortOnOverflow: number;
  retries1: number;
  retries2: number;
  orphanRetries: number;
  /** Null where it can't be read: it belongs to the machine, and other network namespaces do not show it. */
  maxOrphans: number | null;
  finTimeoutS: number;
  keepaliveTimeS: number;
  keepaliveIntervalS: number;
  keepaliveProbes: number;
  rtoMinMs: number;
  rtoMaxMs: number;
  /** 3 and 4: a loss probe precedes the first retransmission (RFC 8985, 7), if the peer does SACK. */
  earlyRetrans: number;
  sack: number;
  rfc1337: number;
  twReuse: number;
  twReuseDelayMs: number;
  maxTwBuckets: number;
}

/** Documentation/networking/ip-sysctl.rst says what each does. */
export const SYSCTL_NAMES: Readonly<Record<keyof TcpSysctls, string>> = {
  synRetries: 'net.ipv4.tcp_syn_retries',
  synLinearTimeouts: 'net.ipv4.tcp_syn_linear_timeouts',
  synackRetries: 'net.ipv4.tcp_synack_retries',
  syncookies: 'net.ipv4.tcp_syncookies',
  maxSynBacklog: 'net.ipv4.tcp_max_syn_backlog',
  somaxconn: 'net.core.somaxconn',
  abortOnOverflow: 'net.ipv4.tcp_abort_on_overflow',
  retries1: 'net.ipv4.tcp_retries1',
  retries2: 'net.ipv4.tcp_retries2',
  orphanRetries: 'net.ipv4.tcp_orphan_retries',
  maxOrphans: 'net.ipv4.tcp_max_orphans',
  finTimeoutS: 'net.ipv4.tcp_fin_timeout',
  keepaliveTimeS: 'net.ipv4.tcp_keepalive_time',
  keepaliveIntervalS: 'net.ipv4.tcp_keepalive_intvl',
  keepaliveProbes: 'net.ipv4.tcp_keepalive_probes',
  rtoMinMs: 'net.ipv4.tcp_rto_min_us',
  rtoMaxMs: 'net.ipv4.tcp_rto_max_ms',
  earlyRetrans: 'net.ipv4.tcp_early_retrans',
  sack: 'net.ipv4.tcp_sack',
  rfc1337: 'net.ipv4.tcp_rfc1337',
  twReuse: 'net.ipv4.tcp_tw_reuse',
  twReuseDelayMs: 'net.ipv4.tcp_tw_reuse_delay',
  maxTwBuckets: 'net.ipv4.tcp_max_tw_buckets',
};

/** What a kernel does that has no such sysctl, and otherwise its default. */
const DEFAULTS: Readonly<TcpSysctls> = {
  synRetries: 6,
  // Linux 6.5, default 4. Before it every SYN timeout doubled.
  synLinearTimeouts: 0,
  synackRetries: 5,
  syncookies: 1,
  maxSynBacklog: 128,
  somaxconn: 4096,
  abortOnOverflow: 0,
  retries1: 3,
  retries2: 15,
  orphanRetries: 0,
  maxOrphans: null,
  finTimeoutS: 60,
  keepaliveTimeS: 7200,
  keepaliveIntervalS: 75,
  keepaliveProbes: 9,
  // Linux 6.11. Before it a constant, or by route (`ip route … rto_min`).
  rtoMinMs: 200,
  // Linux 6.15. Before it a constant.
  rtoMaxMs: 120_000,
  earlyRetrans: 3,
  sack: 1,
  rfc1337: 0,
  twReuse: 2,
  // Linux 6.14. Before it a constant.
  twReuseDelayMs: 1000,
  maxTwBuckets: 4096,
};

/** Reads what `read` gives for a sysctl's name; undefined or not a number means that this kernel does not have it. */
export function parseSysctls(read: (name: string) => string | undefined): TcpSysctls {
  const result: TcpSysctls = { ...DEFAULTS };
  for (const key of Object.keys(SYSCTL_NAMES) as (keyof TcpSysctls)[]) {
    const value = Number.parseInt(read(SYSCTL_NAMES[key]) ?? '', 10);
    if (Number.isNaN(value)) continue;
    result[key] = key === 'rtoMinMs' ? value / 1000 : value;
  }
  return result;
}
