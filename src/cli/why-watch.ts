import { setTimeout as pause } from 'node:timers/promises';
import { diagnose } from '../diagnosis/diagnose.ts';
import { type GroupChange, GroupHistory } from '../diagnosis/history.ts';
import { whyReport } from '../report/story/why.ts';
import { styleFor } from '../report/terminal/style.ts';
import { formatChange, formatWhy } from '../report/terminal/why-report.ts';
import { untilSignal } from './interrupt.ts';
import type { MachineInput } from './why-input.ts';

/** How long the sockets are left alone between two looks. */
const EVERY_MS = 1000;

interface Options {
  json?: boolean;
  for?: number;
}

/** Prints the sockets, and then what changes, until a signal or the time is over. Gives whether a program has more in CLOSE-WAIT than at first. */
export async function watchSockets({ name, sockets, pid }: MachineInput, options: Options): Promise<boolean> {
  const over = new AbortController();
  void untilSignal().then(() => over.abort());
  const endMs = performance.now() + (options.for ?? Number.POSITIVE_INFINITY);
  const history = new GroupHistory();
  for (let isFirst = true; !over.signal.aborted; isFirst = false) {
    const isLast = performance.now() >= endMs;
    const seen = sockets.read(pid);
    const diagnosis = diagnose(seen);
    const changes = history.add(diagnosis.groups);
    if (isFirst) {
      const report = whyReport({ kind: 'machine', name }, diagnosis, {
        tables: seen.tables,
        unread: [],
        otherProtocols: 0,
      });
      print(options.json ? JSON.stringify(report) : formatWhy(report, screen()));
    } else if (changes.length > 0) {
      print(
        options.json
          ? JSON.stringify({ at: new Date(), changes, verdict: diagnosis.verdict })
          : linesOf(changes),
      );
    }
    if (isLast) break;
    await pause(Math.min(EVERY_MS, endMs - performance.now()), undefined, { signal: over.signal }).catch(
      () => {},
    );
  }
  sockets.close();
  return history.hasGainedLeaks;
}

function linesOf(changes: readonly GroupChange[]): string {
  const at = new Date().toTimeString().slice(0, 8);
  return changes.map((change) => formatChange(change, at, screen())).join('\n');
}

function screen() {
  return { style: styleFor(process.stdout), width: process.stdout.columns || 80 };
}

function print(text: string): void {
  process.stdout.write(`${text.trimEnd()}\n`);
}
