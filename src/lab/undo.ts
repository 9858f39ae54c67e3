import { Iptables } from '../kernel/iptables.ts';
import { Nftables } from '../kernel/nftables.ts';
import { writeSysctl } from '../kernel/sysctl.ts';
import type { Family } from '../tcp/endpoint.ts';

/** How a change to a machine that others use as well is taken back. */
export type Undo =
  | { what: 'nft-table'; table: string }
  | { what: 'iptables-rule'; family: Family; rule: string }
  | { what: 'sysctl'; name: string; value: string };

/** Takes it back, in the network that this thread is in. What is gone already is no error here: it throws what the system says. */
export function takeBack(undo: Undo): void {
  switch (undo.what) {
    case 'nft-table': {
      const nftables = new Nftables();
      try {
        nftables.run(`delete table ${undo.table}`);
      } finally {
        nftables.close();
      }
      return;
    }
    case 'iptables-rule':
      new Iptables(undo.family).change([`-D ${undo.rule}`]);
      return;
    case 'sysctl':
      writeSysctl(undo.name, undo.value);
  }
}

/** As a person would do it. */
export function describeUndo(undo: Undo): string {
  switch (undo.what) {
    case 'nft-table':
      return `nft delete table ${undo.table}`;
    case 'iptables-rule':
      return `${undo.family === 'ipv6' ? 'ip6tables' : 'iptables'} -D ${undo.rule}`;
    case 'sysctl':
      return `sysctl -w ${undo.name}='${undo.value}'`;
  }
}
