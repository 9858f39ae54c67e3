import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { fitting, mustFit } from '../evidence/arguments.ts';
import type { HostName, TimelineEvent } from '../evidence/events.ts';
import { whole } from '../evidence/shape.ts';
import { groupRuns, signalGroup } from '../kernel/process.ts';

/** A program that was started in a host, with all that it starts. */
export interface Program {
  /** Of its first process, which is its process group's as well. */
  readonly pid: number;
  /** As it would be typed into a shell. */
  readonly command: string;
  /** As a shell gives it: 128 and the signal's number when a signal ended it. Undefined while it runs. */
  readonly status: number | undefined;
  /** That of the process that was started, as soon as it exits: others of its group may run on, and then `status` comes later. */
  readonly exitStatus: number | undefined;
  /** With its status. */
  readonly ended: Promise<number>;
  /** The end of its output so far, of both streams. */
  readonly output: string;
  /** To its whole process group; or, as a supervisor does, to the process that was started. */
  signal(name: NodeJS.Signals, to?: 'group' | 'process'): void;
  /** SIGTERM, and SIGKILL to whatever of its group is left then. Gives its status. */
  stop(graceMs?: number): Promise<number>;
}

/** How much of a program's output is kept, in characters, so that an endless output does not fill the memory. */
const KEPT = 64 * 1024;

const SIGNAL = fitting<NodeJS.Signals>('a signal such as SIGTERM', (value) =>
  Object.hasOwn(constants.signals, String(value)),
);
/** setTimeout() takes no more. */
const GRACE = whole(0, 2 ** 31 - 1);

/** A program whose standard output and error are read. */
export class SpawnedProgram implements Program {
  readonly command: string;
  readonly ended: Promise<number>;
  readonly #child: ChildProcess;
  #status: number | undefined;
  #exitStatus: number | undefined;
  #output = '';
  #emitted = 0;

  /** `number` names it on the timeline. */
  constructor(
    child: ChildProcess,
    command: string,
    {
      host,
      number,
      nowMs,
      emit,
    }: { host: HostName; number: number; nowMs: () => number; emit: (event: TimelineEvent) => void },
  ) {
    this.#child = child;
    this.command = command;
    emit({ type: 'program-started', atMs: nowMs(), host, program: number, pid: this.pid, command });
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-KEPT);
        if (this.#emitted >= KEPT) return;
        const kept = text.slice(0, KEPT - this.#emitted);
        this.#emitted += kept.length;
        emit({ type: 'program-said', atMs: nowMs(), host, program: number, stream, text: kept });
      });
    }
    this.ended = new Promise((resolve) => {
      child.once('exit', async (code, signal) => {
        const status = code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
        this.#exitStatus = status;
        await this.#groupGone();
        // 'exit' can fire before the last output has been read from the pipe. Yield to the event loop so that it is.
        await turn();
        await turn();
        this.#status = status;
        emit({ type: 'program-ended', atMs: nowMs(), host, program: number, status, signal });
        resolve(status);
      });
    });
  }

  /** The shell may exit before its children do. Stops waiting after 1 s: children that nobody reaps remain zombies. */
  async #groupGone(): Promise<void> {
    for (let waitedMs = 0; waitedMs < 1000 && groupRuns(this.pid); waitedMs += 2) await pause(2);
  }

  /** Whether a process still has its output open. */
  get mayWrite(): boolean {
    const { stdout, stderr } = this.#child;
    return [stdout, stderr].some((stream) => stream && !stream.readableEnded && !stream.destroyed);
  }

  /** Reads no more of its output: a process that the kernel holds up must not hold up tcplab. */
  close(): void {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get exitStatus(): number | undefined {
    return this.#exitStatus;
  }

  get status(): number | undefined {
    return this.#status;
  }

  get output(): string {
    return this.#output;
  }

  signal(name: NodeJS.Signals, to: 'group' | 'process' = 'group'): void {
    mustFit('signal() name', SIGNAL, name, "example: program.signal('SIGTERM')");
    if (to === 'group') signalGroup(this.pid, name);
    else if (this.#status === undefined) this.#child.kill(name);
  }

  async stop(graceMs = 1000): Promise<number> {
    mustFit('stop() graceMs', GRACE, graceMs);
    if (this.#status === undefined) {
      this.signal('SIGTERM');
      const timer = setTimeout(() => this.signal('SIGKILL'), graceMs);
      await this.ended;
      clearTimeout(timer);
    }
    // What it has left behind in its group.
    this.signal('SIGKILL');
    return this.ended;
  }
}
