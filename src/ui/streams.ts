import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Labs } from './labs.ts';
import { Refusal } from './refusal.ts';

/** A periodic comment shows each side that the other is alive. */
const HEARTBEAT_MS = 10_000;

/** The event streams that are open (HTML, 9.2): a LabMessage, then LabNews, each with its revision as id. */
export class Streams {
  readonly #labs: Labs;
  readonly #most: number;
  readonly #open = new Set<ServerResponse>();

  constructor(labs: Labs, most: number) {
    this.#labs = labs;
    this.#most = most;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Streams a lab's changes. A client that reconnects with the id of its last message gets only what is new since. */
  open(id: string, request: IncomingMessage, response: ServerResponse): void {
    const live = this.#labs.get(id);
    if (this.#open.size >= this.#most) {
      throw new Refusal(503, `${this.#most} pages already show labs: close one`, { Connection: 'close' });
    }
    let last = lastEventId(request);
    const notify = () => {
      if (live.isOver) {
        response.end('event: over\ndata: {}\n\n');
        return;
      }
      // A client that does not read gets the current state when it reads again.
      if (live.message.revision <= last || response.writableNeedDrain) return;
      const message = live.messageSince(last);
      last = message.revision;
      response.write(`id: ${last}\ndata: ${JSON.stringify(message)}\n\n`);
    };
    this.#open.add(response);
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.flushHeaders();
    let isStuck = false;
    const beat = setInterval(() => {
      if (isStuck) response.destroy();
      else if (response.writableNeedDrain) isStuck = true;
      else response.write(':\n\n');
    }, HEARTBEAT_MS);
    response.on('drain', () => {
      isStuck = false;
      notify();
    });
    const unwatch = this.#labs.watch(id, notify);
    response.on('close', () => {
      clearInterval(beat);
      this.#open.delete(response);
      unwatch();
    });
    notify();
  }

  end(): void {
    for (const response of this.#open) response.destroy();
  }
}

export function lastEventId({ headers }: IncomingMessage): number {
  const id = headers['last-event-id'] ?? '0';
  if (typeof id !== 'string' || !/^\d{1,15}$/.test(id))
    throw new Refusal(400, 'Last-Event-ID: expected a revision');
  return Number(id);
}
