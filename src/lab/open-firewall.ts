import type { Firewall, FirewallKind, FirewallOptions } from './firewall.ts';
import { IptablesFirewall } from './firewall-iptables.ts';
import { NftFirewall } from './firewall-nft.ts';

export function openFirewall(kind: FirewallKind, options: FirewallOptions): Firewall {
  return kind === 'nft' ? new NftFirewall(options) : new IptablesFirewall(options);
}
