import { rmSync } from 'node:fs';
import { TcplabError } from '../error.ts';
import { Iptables } from '../kernel/iptables.ts';
import { Nftables } from '../kernel/nftables.ts';
import { killProcess, networkOf, processesWith, processStartTime } from '../kernel/process.ts';
import { readSysctl } from '../kernel/sysctl.ts';
import { describeUndo, takeBack, type Undo } from '../lab/undo.ts';
import { allJournals, readJournal } from './journal.ts';

/**
 * All that an agent sets carries its name: its process number and start time. So it can be told whose it is, and whether that
 * one still lives.
 */
export function agentName(): string {
  return `tcplab_${process.pid}_${processStartTime(process.pid)}`;
}

function isAlive(name: string): boolean {
  const [, pid, startTime] = /^tcplab_(\d+)_(\d+)/.exec(name) ?? [];
  return pid !== undefined && processStartTime(Number(pid)) === startTime;
}

/** Something that an agent has left behind, which is no more. */
export interface Leftover {
  /** What mends it, as a person would. */
  mend: string;
  remove: () => void;
}

/** Takes back all that is written in a journal, the last first; what is gone already is well. Gives what could not be. */
export function takeBackAll(path: string): string[] {
  const failures = readJournal(path)
    .undos.toReversed()
    .filter(isInEffect)
    .flatMap((undo) => {
      try {
        takeBack(undo);
        return [];
      } catch (error) {
        return [`${describeUndo(undo)}: ${(error as Error).message}`];
      }
    });
  if (failures.length === 0) rmSync(path, { force: true });
  return failures;
}

/** What agents that are gone have left in the network that this process is in. */
export function findLeftovers(): Leftover[] {
  return [...tables(), ...iptablesRules(), ...sysctls(), ...programs()];
}

function tables(): Leftover[] {
  return tablesThere()
    .filter((table) => / tcplab_\d+_\d+/.test(table) && !isAlive(table.split(' ')[1] ?? ''))
    .map((table) => leftover({ what: 'nft-table', table }));
}

function tablesThere(): string[] {
  return orNothing(() => {
    const nftables = new Nftables();
    try {
      return [...nftables.run('list tables').matchAll(/^table (\S+ \S+)$/gm)].map(([, table]) => table ?? '');
    } finally {
      nftables.close();
    }
  });
}

/** The rule that tells of a packet carries no name; it stands before the one that decides. */
function iptablesRules(): Leftover[] {
  return (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const rules = orNothing(() => new Iptables(family).list().map(({ text }) => text));
    return rules.flatMap((text, index) => {
      const name = /--comment "?(tcplab_\d+_\d+\S*) /.exec(text)?.[1];
      if (name === undefined || isAlive(name)) return [];
      const own = [rules[index - 1] ?? '', text].filter((rule) => rule === text || rule.includes('-j NFLOG'));
      return own.map((rule) => leftover({ what: 'iptables-rule', family, rule: rule.replace(/^-A /, '') }));
    });
  });
}

function sysctls(): Leftover[] {
  const here = networkOf(process.pid);
  return allJournals()
    .filter(({ pid, startTime, network }) => network === here && processStartTime(pid) !== startTime)
    .flatMap(({ path, undos }) => {
      const sysctls = undos.filter((undo) => undo.what === 'sysctl' && isInEffect(undo));
      const file = { mend: `rm ${path}`, remove: () => rmSync(path, { force: true }) };
      return [...sysctls.map(leftover), file];
    });
}

function programs(): Leftover[] {
  return processesWith(/^TCPLAB_HOST=(tcplab_\d+_\d+)/)
    .filter(({ match }) => !isAlive(match))
    .map(({ pid }) => ({ mend: `kill -9 ${pid}`, remove: () => killProcess(pid) }));
}

function leftover(undo: Undo): Leftover {
  return { mend: describeUndo(undo), remove: () => takeBack(undo) };
}

function isInEffect(undo: Undo): boolean {
  switch (undo.what) {
    case 'nft-table':
      return tablesThere().includes(undo.table);
    case 'iptables-rule': {
      // iptables prints rules in words of its own; the name and the group of the packet log are nobody else's.
      const [own = undo.rule] = /--comment "[^"]+"|--nflog-group \d+/.exec(undo.rule) ?? [];
      return orNothing(() => new Iptables(undo.family).list()).some(({ text }) => text.includes(own));
    }
    case 'sysctl':
      return readSysctl(undo.name) !== undo.value;
  }
}

/** A machine without nftables, or without iptables, has none of its rules. */
function orNothing<T>(list: () => T[]): T[] {
  try {
    return list();
  } catch (error) {
    if (error instanceof TcplabError) return [];
    throw error;
  }
}
