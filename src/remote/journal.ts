import {
  accessSync,
  appendFileSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { networkOf, processStartTime } from '../kernel/process.ts';
import type { Undo } from '../lab/undo.ts';

/** Whose a journal is: a process is named for good by its number and when it started. */
export interface JournalHead {
  pid: number;
  startTime: string;
  /** The network namespace in which things were changed. */
  network: string;
}

export interface Journal extends JournalHead {
  path: string;
  /** In the order in which things were changed. */
  undos: Undo[];
}

/** What an agent has changed on its machine, and how each is taken back: written down before it is done. */
export class JournalWriter {
  readonly path: string;

  constructor() {
    const head: JournalHead = {
      pid: process.pid,
      startTime: processStartTime(process.pid) ?? '',
      network: networkOf(process.pid) ?? '',
    };
    const folder = folders().find(isUsable) ?? tmpdir();
    this.path = join(folder, `agent-${head.pid}-${head.startTime}.ndjson`);
    writeFileSync(this.path, `${JSON.stringify(head)}\n`, { mode: 0o600 });
  }

  add(undo: Undo): void {
    appendFileSync(this.path, `${JSON.stringify(undo)}\n`);
  }

  /** All is as it was. */
  remove(): void {
    rmSync(this.path, { force: true });
  }
}

export function readJournal(path: string): Journal {
  const [head, ...undos] = readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);
  return { path, ...(head as JournalHead), undos: undos as Undo[] };
}

/** Those of this machine's agents, living or not. */
export function allJournals(): Journal[] {
  return folders().flatMap((folder) => {
    try {
      return readdirSync(folder)
        .filter((name) => /^agent-\d+-\d+\.ndjson$/.test(name))
        .map((name) => readJournal(join(folder, name)));
    } catch {
      // There has never been one here.
      return [];
    }
  });
}

/** The first does not outlive the machine's start, as nothing of what is written there does. */
function folders(): string[] {
  return ['/run/tcplab', join(tmpdir(), `tcplab-${process.getuid?.() ?? 0}`)];
}

function isUsable(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
