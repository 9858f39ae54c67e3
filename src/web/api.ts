import type {
  ActAnswer,
  ActRequest,
  CreateRequest,
  LabMessage,
  Refused,
  ScenarioChoice,
} from '../ui/model.ts';
import { withNews } from './news.ts';

/** The server rejected the request, with a reason. */
class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface Follower {
  onMessage: (message: LabMessage) => void;
  /** The lab has ended. */
  onOver: (why: string) => void;
  /** The connection was lost, or is there again. */
  onConnected: (isConnected: boolean) => void;
}

export const UNREACHABLE = 'tcplab can’t be reached: its process has ended, or the network is down';

const RETRY_MS = { first: 250, most: 5000 };

/** What the server offers. The token is sent in a header, so that it is never in a URL. */
export class Api {
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  /** The ids of the labs that are open, the newest first. */
  async labs(): Promise<string[]> {
    const { labs } = await (await this.#fetch('/api/labs')).json();
    return labs;
  }

  async scenarios(): Promise<ScenarioChoice[]> {
    const { scenarios } = await (await this.#fetch('/api/scenarios')).json();
    return scenarios;
  }

  /** Undefined if it has ended. */
  async look(id: string): Promise<LabMessage | undefined> {
    try {
      return await (await this.#fetch(`/api/labs/${id}`)).json();
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  create(request: CreateRequest): Promise<LabMessage> {
    return this.#json('POST', '/api/labs', request);
  }

  /** Gives the lab after the act, by what the page had before, and why the kernel refused. */
  async act(before: LabMessage, request: ActRequest): Promise<[LabMessage, string | null]> {
    const headers = { 'Last-Event-ID': String(before.revision) };
    const path = `/api/labs/${before.id}/acts`;
    const { refused, ...answer } = await this.#json<ActAnswer>('POST', path, request, headers);
    return [withNews(before, answer), refused];
  }

  async end(id: string): Promise<void> {
    await this.#fetch(`/api/labs/${id}`, { method: 'DELETE' });
  }

  async download(id: string, name: string): Promise<Blob> {
    return (await this.#fetch(`/api/labs/${id}/downloads/${name}`)).blob();
  }

  /** Follows a lab until it is over or `signal` says so; comes back after each lost connection, from where it was. */
  async follow(first: LabMessage, follower: Follower, signal: AbortSignal): Promise<void> {
    let [last, waitMs] = [first, RETRY_MS.first];
    while (!signal.aborted) {
      try {
        const headers = { 'Last-Event-ID': String(last.revision) };
        const response = await this.#fetch(`/api/labs/${last.id}/events`, { headers, signal });
        follower.onConnected(true);
        waitMs = RETRY_MS.first;
        for await (const event of eventsOf(response)) {
          if (event.name === 'over') return follower.onOver('This lab has ended.');
          last = withNews(last, JSON.parse(event.data));
          follower.onMessage(last);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ApiError && error.status < 500) return follower.onOver(error.message);
      }
      if (signal.aborted) return;
      follower.onConnected(false);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      waitMs = Math.min(waitMs * 2, RETRY_MS.most);
    }
  }

  async #json<T>(method: string, path: string, body: unknown, more: Record<string, string> = {}): Promise<T> {
    const headers = { ...more, 'Content-Type': 'application/json' };
    return (await this.#fetch(path, { method, headers, body: JSON.stringify(body) })).json();
  }

  async #fetch(
    path: string,
    init: RequestInit & { headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const headers = { ...init.headers, Authorization: `Bearer ${this.#token}` };
    const response = await fetch(path, { ...init, headers }).catch((error: unknown) => {
      // Each browser has other words for it, which help nobody.
      throw init.signal?.aborted ? error : new Error(UNREACHABLE);
    });
    if (response.ok) return response;
    const refused = (await response.json().catch(() => undefined)) as Refused | undefined;
    throw new ApiError(
      response.status,
      refused?.error ?? `tcplab replied with HTTP status ${response.status}`,
    );
  }
}

/** The events of a stream (HTML, 9.2.6), as far as this server makes use of that. */
async function* eventsOf(response: Response): AsyncGenerator<{ name: string; data: string }> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  for (let text = ''; ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const field = (name: string) =>
        fields.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = field('data');
      if (data !== undefined) yield { name: field('event') ?? 'message', data };
    }
  }
}
