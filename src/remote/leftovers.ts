import { TcplabError } from '../error.ts';
import { Iptables } from '../kernel/iptables.ts';
import { isNetworkThere, killProcess, networkOf, ownName, processesWith } from '../kernel/process.ts';
import { describeUndo, isInEffect, listTables, readIptablesRule, takeBack, type Undo } from '../lab/undo.ts';
import {
  AGENT_NAME,
  allJournals,
  isAgentAlive,
  type Journal,
  processOf,
  readJournal,
  removeJournal,
} from './journal.ts';
import { LOG_GROUPS } from './log-groups.ts';

/** Something that an agent has left behind, which is no more. */
interface Leftover {
  /** The command that fixes it, for the user. */
  mend: string;
  remove: () => void;
}

/** Undoes all changes in a journal, the last first, and returns those that failed. A change already undone is not a failure. */
export function takeBackAll(path: string): string[] {
  const failures = journalAt(path)
    .toReversed()
    .filter(isInEffect)
    .flatMap((undo) => failureOf(undo, () => takeBack(undo)));
  if (failures.length === 0) removeJournal(path);
  return failures;
}

/** Empty if the agent has undone everything and removed its journal. */
function journalAt(path: string): Undo[] {
  try {
    return readJournal(path).undos;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Ignores a failure if the change is no longer in effect: another process may have undone it at the same time. */
function failureOf(undo: Undo, work: () => void): string[] {
  try {
    work();
    return [];
  } catch (error) {
    return isInEffect(undo) ? [`${describeUndo(undo)}: ${(error as Error).message}`] : [];
  }
}

/** The leftovers of exited agents in this process's network namespace. */
export function findLeftovers(): Leftover[] {
  return [...tables(), ...iptablesRules(), ...written(), ...programs()];
}

function tables(): Leftover[] {
  return orNothing(listTables)
    .filter((table) => {
      const name = / (tcplab_\S+)$/.exec(table)?.[1];
      return name !== undefined && isLeftBehind(name);
    })
    .map((table) => leftover({ what: 'nft-table', table }));
}

function iptablesRules(): Leftover[] {
  return (['ipv4', 'ipv6'] as const).flatMap((family) =>
    leftRules(orNothing(() => new Iptables(family).list().map(({ text }) => text))).map((rule) =>
      leftover({ what: 'iptables-rule', family, rule }),
    ),
  );
}

/** Of all rules, as iptables-save(8) prints them, those that agents have left which are no more. */
export function leftRules(rules: readonly string[]): string[] {
  return rules.flatMap((text, index) => {
    const { comment = '', matches } = readIptablesRule(text);
    const [, name = '', number] = /^(tcplab_\S+) (\d+)$/.exec(comment) ?? [];
    if (!isLeftBehind(name)) return [];
    // The logging rule has no comment. It directly precedes the rule that decides, with the same match.
    const before = rules[index - 1] ?? '';
    const rule = readIptablesRule(before);
    const isOurs =
      rule.log?.prefix === number && LOG_GROUPS.has(Number(rule.log?.group)) && rule.matches === matches;
    return (isOurs ? [before, text] : [text]).map((rule) => rule.replace(/^-A /, ''));
  });
}

function isLeftBehind(name: string): boolean {
  return processOf(name) !== undefined && !isAgentAlive(name);
}

/** What is known from journals alone. One of a network that is no more, with all that was set there, is but a file. */
function written(): Leftover[] {
  const here = networkOf(process.pid);
  return allJournals()
    .filter(({ agent }) => isLeftBehind(agent))
    .flatMap((journal) => {
      const { path, network, undos } = journal;
      const file = { mend: `rm ${path}`, remove: () => removeJournal(path) };
      if (network !== here) return isOfNoNetwork(journal) ? [file] : [];
      const unnamed = undos.filter(({ what }) => what === 'sysctl' || what === 'trace-instances');
      return [...unnamed.filter(isInEffect).map(leftover), file];
    });
}

/** Unknown where other processes may be hidden. */
function isOfNoNetwork({ agent, network }: Journal): boolean {
  return (
    network !== undefined && processOf(agent)?.numberedIn === ownName().numberedIn && !isNetworkThere(network)
  );
}

function programs(): Leftover[] {
  const here = networkOf(process.pid);
  return processesWith(new RegExp(`^TCPLAB_HOST=(${AGENT_NAME.source.replaceAll('(', '(?:')}\\S*)$`))
    .filter(({ pid, match }) => networkOf(pid) === here && isLeftBehind(match))
    .map(({ pid }) => ({ mend: `kill -9 ${pid}`, remove: () => killProcess(pid) }));
}

function leftover(undo: Undo): Leftover {
  return {
    mend: describeUndo(undo),
    remove: () => {
      const [failure] = failureOf(undo, () => takeBack(undo));
      if (failure !== undefined) throw new TcplabError('SYSTEM', failure);
    },
  };
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
