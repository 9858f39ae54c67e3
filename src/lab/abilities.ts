import { NetworkNamespace } from '../kernel/namespace.ts';
import { PacketLog } from '../kernel/nflog.ts';
import { Nftables } from '../kernel/nftables.ts';
import { PacketCapture } from '../kernel/packet-capture.ts';
import { currentPrivilege } from '../kernel/privileges.ts';
import { configureLink, createVethPair } from '../kernel/rtnetlink.ts';
import { SocketTable } from '../kernel/sock-diag.ts';
import * as kernel from '../kernel/socket.ts';
import { readSysctl, writeSysctl } from '../kernel/sysctl.ts';
import { systemCommand, UTIL_LINUX } from '../kernel/system-command.ts';
import type { Family } from '../tcp/endpoint.ts';
import { ADDRESSES, INTERFACE, WIRE } from './addresses.ts';
import { IptablesFirewall } from './firewall-iptables.ts';
import { openSource } from './kernel-watch.ts';
import { FATES } from './rule.ts';

/** Something that a lab needs of the machine, and whether it works. */
export interface Ability {
  name: string;
  /** What tcplab uses it for. */
  gives: string;
  /** Whether no lab works without it. */
  needed: boolean;
  works: boolean;
  /** Why not. */
  why: string | null;
  /** How to fix it: a command, where there is one. */
  mend: string | null;
}

interface Trial {
  name: string;
  gives: string;
  needed: boolean;
  mend: string;
  /** Runs inside the namespace; throws when it can't be done. */
  attempt: () => unknown;
}

const TRIALS: readonly Trial[] = [
  {
    name: 'socket table',
    gives: 'first witness',
    needed: true,
    mend: 'modprobe -a inet_diag tcp_diag',
    attempt: () => new SocketTable().read(),
  },
  {
    name: 'packet capture',
    gives: 'second witness',
    needed: true,
    mend: 'modprobe af_packet',
    attempt: () => new PacketCapture('lo').close(),
  },
  {
    name: 'nftables',
    gives: 'rules that drop and reject',
    needed: true,
    mend: 'modprobe -a nf_tables nft_log nft_reject_inet nft_counter',
    attempt: () => {
      const nftables = new Nftables();
      nftables.run(
        'add table inet t; add chain inet t c { type filter hook input priority 0; }; add rule inet t c tcp dport 80 counter log group 1 reject with tcp reset',
      );
      nftables.close();
    },
  },
  {
    name: 'iptables',
    gives: '--firewall iptables',
    needed: false,
    mend: 'use --firewall nft',
    attempt: () => tryIptables('ipv4'),
  },
  {
    name: 'ip6tables',
    gives: '--firewall iptables --ipv6',
    needed: false,
    mend: 'use --firewall nft',
    attempt: () => tryIptables('ipv6'),
  },
  {
    name: 'packet log',
    gives: 'which rule dropped a segment',
    needed: true,
    mend: 'modprobe nfnetlink_log',
    attempt: () => new PacketLog(1).close(),
  },
  {
    name: 'raw sockets',
    gives: 'hand-made segments',
    needed: true,
    mend: 'run with CAP_NET_RAW',
    attempt: () => kernel.close(kernel.openRawSocket('ipv4')),
  },
  {
    name: 'sysctls',
    gives: 'shorter timers, delayed segments',
    needed: false,
    mend: 'mount -o remount,rw /proc/sys',
    attempt: () => writeSysctl('net.ipv4.tcp_fin_timeout', readSysctl('net.ipv4.tcp_fin_timeout') ?? 60),
  },
  {
    name: 'IPv6',
    gives: '--ipv6',
    needed: false,
    mend: 'boot Linux without ipv6.disable=1',
    attempt: () => kernel.bind(kernel.openTcpSocket('ipv6'), { address: '::1', port: 0 }),
  },
  {
    name: 'setpriv',
    gives: '--on HOST -- CMD',
    needed: false,
    mend: 'install util-linux',
    attempt: () => systemCommand('setpriv', UTIL_LINUX),
  },
];

/** Sets a rule of each kind, because the kernel may lack any of them. */
function tryIptables(family: Family): void {
  const firewall = new IptablesFirewall({ family, logGroup: 1 });
  for (const [index, fate] of FATES.entries()) firewall.set(index, { hook: 'in', fate });
  firewall.count();
}

/** Tries everything that a lab needs, in namespaces of its own. The caller has the privilege to make them. */
export async function tryAbilities(): Promise<Ability[]> {
  const [here, there] = [NetworkNamespace.create(), NetworkNamespace.create()];
  try {
    const wire = attempt(
      { name: 'veth', gives: 'link between the hosts', needed: true, mend: 'modprobe veth' },
      () =>
        here.enter(() => {
          createVethPair(WIRE.client, there.fd, WIRE.server);
          configureLink(INTERFACE, [ADDRESSES.client.ipv4]);
        }),
    );
    const tried = TRIALS.map((trial) => attempt(trial, () => here.enter(() => void trial.attempt())));
    return [wire, ...tried, await tryKernelEvents()];
  } finally {
    here.close();
    there.close();
  }
}

async function tryKernelEvents(): Promise<Ability> {
  const { source, unavailable, noBpf } = await openSource();
  const ability = { name: 'kernel events', needed: false, works: source !== undefined, why: unavailable };
  const gives = source ? GIVES[source.by](noBpf) : 'third witness';
  await source?.close();
  return {
    ...ability,
    gives,
    mend: source || currentPrivilege() === 'root' ? null : 'run as root: `sudo tcplab …`',
  };
}

const GIVES = {
  bpf: () => 'third witness (BPF: states, drops, calls of programs)',
  tracefs: (noBpf: string | null) => `third witness (tracefs: states; no BPF: ${noBpf})`,
};

function attempt({ name, gives, needed, mend }: Omit<Trial, 'attempt'>, work: () => unknown): Ability {
  try {
    work();
    return { name, gives, needed, works: true, why: null, mend: null };
  } catch (error) {
    const { message, hint } = error as { message: string; hint?: string };
    return { name, gives, needed, works: false, why: message, mend: hint ?? mend };
  }
}
