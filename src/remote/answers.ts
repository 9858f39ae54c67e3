import { address, base64, end, flawOfLine, kernelEventsAbout, socketRow } from '../evidence/line-shapes.ts';
import {
  boolean,
  type Check,
  isObject,
  list,
  map,
  nullable,
  number,
  object,
  oneOf,
  optional,
  shown,
  text,
  whole,
} from '../evidence/shape.ts';
import type { Host } from '../lab/host.ts';
import type { AgentCalls } from './agent.ts';
import { AGENT_FORMAT } from './protocol.ts';

/** Nothing is read from the result. */
const NOTHING = undefined;
const port = whole(0, 65535);

/** What an agent answers to each call, before its bytes are decoded. */
const RESULTS: Record<keyof AgentCalls, Check | undefined> = {
  clock: object({ atMs: number(), dayMs: number() }),
  ownAddresses: list(object({ interface: text(), address, netmask: address })),
  openPort: port,
  closePort: nullable(text()),
  tryPort: object({ from: optional(text()), errno: optional(text()) }),
  freePort: port,
  freePorts: port,
  open: object({
    host: whole(1),
    abilities: object({
      firewall: nullable(oneOf('nft', 'iptables')),
      noKernelEvents: nullable(text()),
      kernelEvents: optional(kernelEventsAbout),
      noPackets: nullable(text()),
    }),
  }),
  dispose: NOTHING,
  setRule: NOTHING,
  startProgram: object({ pid: whole(0), command: text() }),
  expectProgram: map(text()),
  signalProgram: NOTHING,
  stopProgram: whole(0, 255),
  clean: object({ found: list(text()), failures: list(text()) }),
};

const HOST_RESULTS: Partial<Record<keyof Host, Check>> = {
  openSocket: whole(),
  connect: nullable(text()),
  accept: optional(whole()),
  send: whole(),
  receive: optional(object({ octets: base64 })),
  takeError: nullable(text()),
  localEndpoint: end,
  remoteEndpoint: optional(end),
  openSockets: list(object({ socket: whole(), inode: whole() })),
  holdBack: boolean(),
  readSysctl: optional(text()),
  observe: list(socketRow),
};

const ERROR = object({
  code: nullable(oneOf('USAGE', 'MACHINE', 'SYSTEM', 'TIMEOUT')),
  message: text(),
  hint: optional(text()),
  syscall: optional(text()),
  errno: optional(text()),
});

const GREETING = object({
  tcplab: text(),
  version: text(),
  machine: object({ kernel: text(), arch: text(), node: text() }),
  privilege: oneOf('root', 'user-namespace', 'none'),
  network: text(),
});

const LOADER_FAILED = object({ error: text(), errno: optional(text()) });
const LOADER = object({
  platform: text(),
  arch: text(),
  libc: oneOf('glibc', 'musl'),
  node: text(),
  installed: boolean(),
});

type Fields = Record<string, unknown>;

/** What kind of message an object is; undefined if no agent or loader sends it. */
export function kindOf(message: Fields): 'greeting' | 'loader' | 'news' | 'answer' | undefined {
  if ('tcplab' in message) return 'greeting';
  if ('loader' in message) return 'loader';
  if ('event' in message) return 'news';
  return 'id' in message ? 'answer' : undefined;
}

/**
 * What is wrong with a message, so that nothing of another program, or of a broken agent, is taken for what a host did; undefined
 * if it is well-formed. `call` is what an answer belongs to. Of another format only the version is read.
 */
export function flawOfMessage(message: Fields, call: string | undefined): string | undefined {
  switch (kindOf(message)) {
    case 'greeting':
      if (message['tcplab'] === AGENT_FORMAT) return GREETING.flawOf(message, '');
      return text().flawOf(message['tcplab'], 'tcplab') ?? text().flawOf(message['version'], 'version');
    case 'loader': {
      const { loader } = message;
      return (isObject(loader) && 'error' in loader ? LOADER_FAILED : LOADER).flawOf(loader, 'loader');
    }
    case 'news': {
      const { host, event } = message;
      const isTimed = isObject(event) && 'atMs' in event;
      return whole(1).flawOf(host, 'host') ?? (isTimed ? flawOfLine(event) : 'event: expected one with atMs');
    }
    case 'answer':
      if (call === undefined) return `id: found ${shown(message['id'])}, which no call has`;
      return 'error' in message
        ? ERROR.flawOf(message['error'], 'error')
        : flawOfResult(call, message['result']);
    default:
      return 'expected an answer or an event';
  }
}

/** Whether anything is read from the result of a call. */
export function hasResult(call: string): boolean {
  return shapeOf(call) !== undefined;
}

function flawOfResult(call: string, result: unknown): string | undefined {
  const shape = shapeOf(call);
  if (!shape || (result === undefined && shape.isOptional)) return undefined;
  return shape.flawOf(result, `the result of ${call}`);
}

/** `clock`, or `host 1 connect` for a method of a host. */
function shapeOf(call: string): Check | undefined {
  const method = /^host \d+ (\w+)$/.exec(call)?.[1];
  return method === undefined ? RESULTS[call as keyof AgentCalls] : HOST_RESULTS[method as keyof Host];
}
