import { readFileSync } from 'node:fs';
import { ifThere } from './files.ts';

/** The tables of iptables-legacy and ip6tables-legacy in the namespace in which the thread is now: nftables does not list them. */
export function legacyTables(): string[] {
  return ['ip', 'ip6'].flatMap((family) => {
    const names = ifThere(() => readFileSync(`/proc/thread-self/net/${family}_tables_names`, 'utf8')) ?? '';
    return names.split('\n').flatMap((name) => (name ? [`${family} ${name}`] : []));
  });
}
