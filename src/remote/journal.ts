import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { isAlive, networkOf, ownName, type ProcessName } from '../kernel/process.ts';
import type { Undo } from '../lab/undo.ts';

/**
 * All that an agent sets carries its name: its process number, its start time, and where it has that number. That names the
 * owner, and shows whether it still runs.
 */
export function agentName(): string {
  const { pid, startTime, numberedIn } = ownName();
  return `tcplab_${pid}_${startTime}_${numberedIn}`;
}

/** How the name of an agent is found in that of what it has set, with which that begins. */
export const AGENT_NAME: RegExp = /tcplab_(\d+)_(\d+)_(\d+)/;

/** Undefined where there is none in it. */
export function processOf(name: string): ProcessName | undefined {
  const [, pid, startTime, numberedIn] = AGENT_NAME.exec(name) ?? [];
  if (pid === undefined || startTime === undefined || numberedIn === undefined) return undefined;
  return { pid: Number(pid), startTime, numberedIn };
}

export function isAgentAlive(name: string): boolean {
  const agent = processOf(name);
  return agent !== undefined && isAlive(agent);
}

export interface Journal {
  path: string;
  /** The owner. */
  agent: string;
  /** The network namespace in which things were changed; undefined when that can't be read. */
  network: string | undefined;
  /** In the order in which things were changed. */
  undos: Undo[];
}

/** Records each change of an agent to its machine and how to undo it, before the change is made. */
export class JournalWriter {
  readonly path: string;
  readonly #fd: number;

  /** In the first of these folders that may be used. */
  constructor(folders: readonly string[] = journalFolders()) {
    ({ path: this.path, fd: this.#fd } = create(folders, `${agentName()}.ndjson`));
    this.#write({ network: networkOf(process.pid) });
  }

  add(undo: Undo): void {
    this.#write(undo);
  }

  #write(line: object): void {
    writeSync(this.#fd, `${JSON.stringify(line)}\n`);
  }
}

/** Creates a new file. Retries, because another agent that ends may remove the folder. */
function create(folders: readonly string[], name: string): { path: string; fd: number } {
  for (const folder of [...folders, ...folders]) {
    if (!makeOwnFolder(folder)) continue;
    const path = join(folder, name);
    try {
      return { path, fd: openSync(path, 'wx', 0o600) };
    } catch {
      // Full, read-only, or missing.
    }
  }
  // The watchdog gets the path; no other process reads it.
  const path = join(mkdtempSync(join(tmpdir(), 'tcplab-journal-')), name);
  return { path, fd: openSync(path, 'wx', 0o600) };
}

/** All is as it was. The folder is for as long as there is something in it. */
export function removeJournal(path: string): void {
  rmSync(path, { force: true });
  try {
    rmdirSync(dirname(path));
  } catch {
    // Another agent's journal is in it.
  }
}

/**
 * Reads a journal. A killed agent may have left half a line: its change was not made yet. An entry that an agent of this
 * name would not write is ignored.
 */
export function readJournal(path: string): Journal {
  const agent = AGENT_NAME.exec(basename(path))?.[0] ?? '';
  const lines = readFileSync(path, 'utf8').split('\n').flatMap(parse);
  const network = lines.map((line) => line['network']).find((value) => typeof value === 'string');
  return { path, agent, network, undos: lines.filter((line) => isUndo(line, agent)) };
}

function parse(line: string): Record<string, unknown>[] {
  try {
    const value = JSON.parse(line) as unknown;
    return typeof value === 'object' && value !== null ? [value as Record<string, unknown>] : [];
  } catch {
    return [];
  }
}

function isUndo(line: Record<string, unknown>, agent: string): line is Record<string, unknown> & Undo {
  const matches = (key: string, pattern: RegExp) =>
    typeof line[key] === 'string' && pattern.test(line[key] as string);
  switch (line['what']) {
    case 'nft-table':
      return matches('table', new RegExp(`^inet ${agent}_\\d+$`));
    case 'iptables-rule':
      return (
        matches('family', /^ipv[46]$/) &&
        (matches('rule', LOGGING_RULE) || matches('rule', decidingRule(agent)))
      );
    case 'sysctl':
      return matches('name', /^net(\.\w+)+$/) && matches('value', /^[^\n]*$/);
    case 'trace-instances':
      return line['beginning'] === `${agent.split('_').slice(0, 3).join('-')}-`;
    default:
      return false;
  }
}

/** As `iptablesRules` of the lab writes them: nothing but these words, for a shell or iptables-restore may read them. */
const MATCHES = '^(INPUT|OUTPUT) -p tcp( [\\w.:,/-]+| "[\\w>&@=:]+")*';
const LOGGING_RULE = new RegExp(
  `${MATCHES} -j NFLOG --nflog-group \\d+ --nflog-threshold 1 --nflog-prefix \\d+$`,
);

function decidingRule(agent: string): RegExp {
  return new RegExp(
    `${MATCHES} -m comment --comment "${agent}_\\d+ \\d+" -j (DROP|REJECT --reject-with [\\w-]+)$`,
  );
}

/** Those of this user's agents on this machine, living or not. */
export function allJournals(folders: readonly string[] = journalFolders()): Journal[] {
  return folders.filter(isOwnFolder).flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /^tcplab_\d+_\d+_\d+\.ndjson$/.test(name))
      .flatMap((name) => {
        try {
          return [readJournal(join(folder, name))];
        } catch {
          // Removed by another process.
          return [];
        }
      }),
  );
}

/** The first does not outlive the machine's start, as nothing of what is written there does. */
function journalFolders(): string[] {
  return ['/run/tcplab', join(tmpdir(), `tcplab-${process.getuid?.() ?? 0}`)];
}

function makeOwnFolder(folder: string): boolean {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch {
    // It is there, or is not to be had.
  }
  return isOwnFolder(folder);
}

/** A journal that other users could write would let them make root change the machine: /tmp is writable for all. */
function isOwnFolder(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o022) === 0;
}
