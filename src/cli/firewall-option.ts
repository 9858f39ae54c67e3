import { Option } from 'commander';

/** Of every command that opens labs; gives a `FirewallKind`. */
export function firewallOption(): Option {
  return new Option('--firewall <kind>', 'what sets the rules').choices(['nft', 'iptables']).default('nft');
}
