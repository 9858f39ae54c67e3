import type { TimelineEvent } from '../evidence/events.ts';
import type { Program } from '../lab/program.ts';
import type { Channel } from './channel.ts';

/** How much of a program's output is kept, in characters, as on this machine. */
const KEPT = 64 * 1024;

/** A program on another machine. Its output and exit come as events of its host. */
export class RemoteProgram implements Program {
  readonly pid: number;
  readonly command: string;
  readonly ended: Promise<number>;
  readonly #channel: Channel;
  readonly #host: number;
  readonly #number: number;
  #end: (status: number) => void = () => {};
  #status: number | undefined;
  #output = '';

  constructor(channel: Channel, host: number, number: number, started: { pid: number; command: string }) {
    this.pid = started.pid;
    this.command = started.command;
    this.#channel = channel;
    this.#host = host;
    this.#number = number;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Takes an event of its host. */
  see(event: TimelineEvent): void {
    if (!('program' in event) || event.program !== this.#number) return;
    if (event.type === 'program-said') this.#output = (this.#output + event.text).slice(-KEPT);
    if (event.type !== 'program-ended') return;
    this.#status = event.status;
    this.#end(event.status);
  }

  get exitStatus(): number | undefined {
    return this.status;
  }

  get status(): number | undefined {
    return this.#status;
  }

  get output(): string {
    return this.#output;
  }

  signal(name: NodeJS.Signals, to: 'group' | 'process' = 'group'): void {
    this.#channel.call('signalProgram', this.#host, this.#number, name, to).catch(() => {
      // Without the connection its programs have ended too.
    });
  }

  stop(graceMs = 1000): Promise<number> {
    return this.#channel.call('stopProgram', this.#host, this.#number, graceMs);
  }
}
