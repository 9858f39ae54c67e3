import { Iptables } from '../kernel/iptables.ts';
import { Nftables } from '../kernel/nftables.ts';
import { readSysctl, writeSysctl } from '../kernel/sysctl.ts';
import { findInstances, removeInstances } from '../kernel/trace-instance.ts';
import type { Family } from '../tcp/endpoint.ts';

/** How to undo a change to a machine that others use as well. */
export type Undo =
  | { what: 'nft-table'; table: string }
  | { what: 'iptables-rule'; family: Family; rule: string }
  | { what: 'sysctl'; name: string; value: string }
  /** All trace instances whose name has this prefix. */
  | { what: 'trace-instances'; beginning: string };

/** Undoes the change in this thread's network namespace. Throws the system's error, even if it is already undone. */
export function takeBack(undo: Undo): void {
  switch (undo.what) {
    case 'nft-table': {
      const nftables = new Nftables();
      try {
        nftables.run(removalOf(undo.table));
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
      return;
    case 'trace-instances':
      removeInstances(undo.beginning);
  }
}

/** Commands that leave no such table, be it there or not: `destroy table` is newer than many a kernel (6.3). */
export function removalOf(table: string): string {
  return `add table ${table}\ndelete table ${table}`;
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
    case 'trace-instances':
      return `rmdir /sys/kernel/tracing/instances/${undo.beginning}*`;
  }
}

/** Whether the change is still in effect. True as well if that could not be read, so that the caller tries to undo it. */
export function isInEffect(undo: Undo): boolean {
  try {
    switch (undo.what) {
      case 'nft-table':
        return listTables().includes(undo.table);
      case 'iptables-rule':
        return new Iptables(undo.family).list().some(({ text }) => isSameRule(undo.rule, text));
      case 'sysctl':
        return readSysctl(undo.name) !== undo.value;
      case 'trace-instances':
        return findInstances(undo.beginning).length > 0;
    }
  } catch {
    return true;
  }
}

/** Their families and names. */
export function listTables(): string[] {
  const nftables = new Nftables();
  try {
    return [...nftables.run('list tables').matchAll(/^table (\S+ \S+)$/gm)].map(([, table]) => table ?? '');
  } finally {
    nftables.close();
  }
}

/** What of a rule of iptables is the same in our words and in those of iptables-save(8). */
interface IptablesWords {
  /** The chain and what it matches, as it was written. */
  matches: string;
  comment: string | undefined;
  /** Its NFLOG group and prefix. */
  log: { group: string; prefix: string } | undefined;
}

export function readIptablesRule(text: string): IptablesWords {
  const comment = /--comment (?:"([^"]*)"|(\S+))/.exec(text);
  const group = / -j NFLOG .*--nflog-group (\d+)(?= |$)/.exec(text)?.[1];
  const prefix = / -j NFLOG .*--nflog-prefix "?([^\s"]+)"?(?= |$)/.exec(text)?.[1];
  return {
    matches: text
      .replace(/^-A /, '')
      .replace(/ -m comment --comment (?:"[^"]*"|\S+)/, '')
      .replace(/ -j .*$/, ''),
    comment: comment?.[1] ?? comment?.[2],
    log: group === undefined || prefix === undefined ? undefined : { group, prefix },
  };
}

/** Whether a line of iptables-save is this rule of ours: its comment, or its log prefix, is unique. */
export function isSameRule(set: string, printed: string): boolean {
  const [ours, theirs] = [readIptablesRule(set), readIptablesRule(printed)];
  if (ours.comment !== undefined) return ours.comment === theirs.comment;
  return (
    ours.log !== undefined &&
    ours.log.group === theirs.log?.group &&
    ours.log.prefix === theirs.log.prefix &&
    ours.matches.split(' ')[0] === theirs.matches.split(' ')[0]
  );
}
