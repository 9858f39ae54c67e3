import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TcplabError } from '../error.ts';
import type { LabOptions } from '../lab/lab.ts';
import { CATALOGUE } from '../scenario/catalogue.ts';
import { readJson } from './body.ts';
import { contentOf, downloadNamed } from './downloads.ts';
import { type PageFile, pageFiles } from './files.ts';
import { Labs } from './labs.ts';
import type { ScenarioChoice } from './model.ts';
import { Refusal, reportFault } from './refusal.ts';
import { parseAct, parseCreate } from './requests.ts';
import { checkSource, checkToken, HEADERS, hostsOf, newToken } from './security.ts';
import { lastEventId, Streams } from './streams.ts';

export interface UiOptions {
  /** A socket that listens on `address`; default: one of the server's own, on a free port. */
  fd?: number;
  /** Where it listens; default: 127.0.0.1. */
  address?: string;
  /** The host, with its port if that differs, under which browsers reach it; default: `address`. */
  publicHost?: string | undefined;
  maxLabs?: number;
  /** How long a lab lasts that no page watches. */
  unwatchedMs?: number;
  allowPrograms?: boolean;
  /** Where the hosts of its labs are. */
  lab?: LabOptions;
  /** Where the page's files are; else where the build puts them. */
  webFolder?: string;
}

const DEFAULTS = { address: '127.0.0.1', maxLabs: 4, unwatchedMs: 60_000, allowPrograms: false } as const;
/** A lab may be watched by several pages. */
const STREAMS_PER_LAB = 4;
const TIMEOUTS = { headersTimeout: 5000, requestTimeout: 10_000, connectionsCheckingInterval: 1000 } as const;

type Handler = (request: IncomingMessage, response: ServerResponse, ...parts: string[]) => unknown;

/** The live page's server: for requests to its own address that carry the token. */
export class UiServer implements AsyncDisposable {
  readonly token: string = newToken();
  readonly labs: Labs;
  readonly streams: Streams;
  readonly #address: string;
  readonly #publicHost: string | undefined;
  readonly #allowPrograms: boolean;
  readonly #files: ReadonlyMap<string, PageFile>;
  readonly #server: Server;
  readonly #routes: readonly (readonly [path: RegExp, methods: Record<string, Handler>])[];

  private constructor(options: UiOptions) {
    const { maxLabs, unwatchedMs, allowPrograms, address } = { ...DEFAULTS, ...options };
    this.#address = address;
    this.#publicHost = options.publicHost;
    this.#allowPrograms = allowPrograms;
    this.#files = pageFiles(options.webFolder);
    this.labs = new Labs({
      most: maxLabs,
      unwatchedMs,
      mayRunPrograms: allowPrograms,
      lab: options.lab ?? {},
    });
    this.streams = new Streams(this.labs, maxLabs * STREAMS_PER_LAB);
    this.#routes = this.#api();
    this.#server = createServer(
      { ...TIMEOUTS, keepAlive: true, maxHeaderSize: 8192 },
      (request, response) => {
        void this.#serve(request, response);
      },
    );
  }

  static async start(options: UiOptions = {}): Promise<UiServer> {
    const ui = new UiServer(options);
    const { fd } = options;
    await new Promise<void>((resolve, reject) => {
      ui.#server.once('error', reject);
      ui.#server.listen(fd === undefined ? { host: ui.#address, port: 0 } : { fd }, resolve);
    });
    return ui;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get #hosts(): readonly [string, ...string[]] {
    return hostsOf(this.#address, this.port, this.#publicHost);
  }

  /** A browser keeps what follows the # to itself: it is in no log, no Referer, and no request. */
  get url(): string {
    return `http://${this.#hosts[0]}/#${this.token}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.streams.end();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await Promise.all([closed, this.labs[Symbol.asyncDispose]()]);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    try {
      checkSource(request, this.#hosts);
      const path = (request.url ?? '').split('?')[0] ?? '';
      const file = this.#files.get(path);
      if (file) {
        serveFile(file, request, response);
        return;
      }
      if (path.startsWith('/api/')) checkToken(request, this.token);
      for (const [pattern, methods] of this.#routes) {
        const [whole, ...parts] = pattern.exec(path) ?? [];
        if (whole === undefined) continue;
        const handler = Object.hasOwn(methods, request.method ?? '') && methods[request.method ?? ''];
        if (handler) {
          await handler(request, response, ...parts);
          return;
        }
        throw new Refusal(405, 'this path does not support this method', {
          Allow: Object.keys(methods).join(', '),
        });
      }
      throw new Refusal(404, 'no such path');
    } catch (error) {
      refuse(response, error);
    }
  }

  #api(): readonly (readonly [RegExp, Record<string, Handler>])[] {
    const { labs, streams } = this;
    const create: Handler = async (request, response) => {
      const live = await labs.create(parseCreate(await readJson(request)));
      answer(response, 201, live.message);
    };
    const list: Handler = (_request, response) => answer(response, 200, { labs: labs.ids });
    const choices: Handler = (_request, response) =>
      answer(response, 200, {
        scenarios: CATALOGUE.map(({ id, title, held }): ScenarioChoice => ({ id, title, state: held.state })),
      });
    const look: Handler = (_request, response, id = '') => answer(response, 200, labs.get(id).message);
    const end: Handler = async (_request, response, id = '') => {
      await labs.end(labs.get(id).id);
      response.writeHead(204).end();
    };
    const act: Handler = async (request, response, id = '') => {
      const live = labs.get(id);
      const asked = parseAct(await readJson(request));
      if (asked.act === 'run' && !this.#allowPrograms) {
        throw new Refusal(403, 'this page may not run programs: start it with `tcplab ui --allow-programs`');
      }
      answer(response, 200, await live.act(asked, lastEventId(request)));
    };
    const watch: Handler = (request, response, id = '') => streams.open(id, request, response);
    const download: Handler = async (_request, response, id = '', name = '') => {
      const [live, found] = [labs.getRecorded(id), downloadNamed(name)];
      if (!found) throw new Refusal(404, 'no such download');
      const content = await contentOf(found, live);
      const disposition = `attachment; filename="${live.scenario.id}.${name}"`;
      response
        .writeHead(200, { 'Content-Type': found.type, 'Content-Disposition': disposition })
        .end(content);
    };
    return [
      [/^\/api\/scenarios$/, { GET: choices }],
      [/^\/api\/labs$/, { GET: list, POST: create }],
      [/^\/api\/labs\/([\w-]+)$/, { GET: look, DELETE: end }],
      [/^\/api\/labs\/([\w-]+)\/acts$/, { POST: act }],
      [/^\/api\/labs\/([\w-]+)\/events$/, { GET: watch }],
      [/^\/api\/labs\/([\w-]+)\/downloads\/([a-z.]+)$/, { GET: download }],
    ];
  }
}

function serveFile({ type, content }: PageFile, { method }: IncomingMessage, response: ServerResponse): void {
  if (method !== 'GET' && method !== 'HEAD') {
    throw new Refusal(405, 'a file supports GET and HEAD only', { Allow: 'GET, HEAD' });
  }
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': content.length });
  response.end(method === 'HEAD' ? undefined : content);
}

function answer(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}

/** Replies with a sentence. The details of a bug go to the terminal, not to the page. */
function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent || (response.req.destroyed && !response.req.complete)) {
    response.destroy();
  } else if (error instanceof Refusal) {
    for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value);
    // What it still sends is not waited for.
    if (!response.req.complete) response.setHeader('Connection', 'close');
    answer(response, error.status, { error: error.message });
  } else if (error instanceof TcplabError) {
    answer(response, 409, { error: error.message });
  } else {
    reportFault(error);
    answer(response, 500, { error: 'this is a bug in tcplab: its terminal shows the details' });
  }
}
