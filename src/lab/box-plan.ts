import type { Family } from '../tcp/endpoint.ts';

/** How a box between client and server is set up: data, so that what is explained and typed is what a lab does. */
export interface BoxPlan {
  /** In the order in which they are set. */
  rules: readonly BoxRule[];
  /** Below `net.netfilter.nf_conntrack_`: `{ tcp_loose: 0 }`. They exist once a rule tracks connections. */
  conntrack?: Readonly<Record<string, number>>;
  /** Of its interface to the server; default: 1500. */
  mtu?: number;
}

/** A rule of the box. */
export interface BoxRule {
  /** `forward`: packets from one host to the other. `output`: what the box sends itself, such as ICMP errors. */
  chain: 'prerouting' | 'forward' | 'output';
  /** In nft's words. */
  match: string | Record<Family, string>;
  does: 'drop' | 'reset' | 'icmp' | 'notrack';
}

/** The box's interface to each host. */
const BOX_INTERFACES = { client: 'eth0', server: 'eth1' } as const;

const VERDICTS: Record<BoxRule['does'], string> = {
  drop: 'drop',
  reset: 'reject with tcp reset',
  icmp: 'reject with icmpx type admin-prohibited',
  notrack: 'notrack',
};

const TABLE = 'inet box';

/** The chains that the rules need, with priority `raw` where tracking must not have begun. */
export function boxTable({ rules }: BoxPlan): string[] {
  const chains = [...new Set(rules.map(({ chain }) => chain))];
  return [
    `add table ${TABLE}`,
    ...chains.map((chain) => {
      const priority = chain === 'prerouting' ? 'raw' : 'filter';
      return `add chain ${TABLE} ${chain} { type filter hook ${chain} priority ${priority}; }`;
    }),
  ];
}

/** `ct state invalid drop` */
export function boxRuleText(rule: BoxRule, family: Family): string {
  return `${matchOf(rule, family)} ${VERDICTS[rule.does]}`;
}

/** The command that adds it; with `logged`, its packets go to that group under its number before its verdict. */
export function boxRuleCommand(
  rule: BoxRule,
  family: Family,
  logged?: { number: number; group: number },
): string {
  const log = logged && rule.does !== 'notrack' ? ` log prefix "${logged.number}" group ${logged.group}` : '';
  return `add rule ${TABLE} ${rule.chain} ${matchOf(rule, family)} counter${log} ${VERDICTS[rule.does]}`;
}

/** Whether a rule makes the box's kernel track connections: without one, it does not. */
export function boxTracks({ rules }: BoxPlan): boolean {
  return rules.some(({ match }) => JSON.stringify(match).includes('ct '));
}

/** With the name that sysctl(8) has. */
export function boxSysctls({ conntrack = {} }: BoxPlan): Record<string, string> {
  return Object.fromEntries(
    Object.entries(conntrack).map(([name, value]) => [`net.netfilter.nf_conntrack_${name}`, String(value)]),
  );
}

/** Commands for a shell in the box, in their order. */
export function boxCommands(plan: BoxPlan, family: Family): string[] {
  const forwarding = family === 'ipv6' ? 'net.ipv6.conf.all.forwarding' : 'net.ipv4.ip_forward';
  return [
    `sysctl -w ${forwarding}=1`,
    ...(plan.mtu === undefined ? [] : [`ip link set ${BOX_INTERFACES.server} mtu ${plan.mtu}`]),
    ...(plan.rules.length > 0 ? boxTable(plan).map(quoted) : []),
    ...plan.rules.map((rule) => quoted(boxRuleCommand(rule, family))),
    ...Object.entries(boxSysctls(plan)).map(([name, value]) => `sysctl -w ${name}=${value}`),
  ];
}

function quoted(command: string): string {
  return `nft ${/[{"]/.test(command) ? `'${command}'` : command}`;
}

function matchOf({ match }: BoxRule, family: Family): string {
  return typeof match === 'string' ? match : match[family];
}
