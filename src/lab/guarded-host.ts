import { isIP } from 'node:net';
import { bytes, fitting, mustFit, port } from '../evidence/arguments.ts';
import { flaw, isObject, object, oneOf, optional, type Shape, text, whole } from '../evidence/shape.ts';
import type { Endpoint } from '../tcp/endpoint.ts';
import { SOCKET_OPTION_NAMES, type SocketOption } from '../tcp/socket-options.ts';
import type { Host } from './host.ts';
import {
  ECN_FIELDS,
  type EcnField,
  FATES,
  type Rule,
  type Span,
  TRACKED_STATES,
  type TrackedState,
} from './rule.ts';

const socket = whole(1);
const address = fitting<string>('an IPv4 or IPv6 address', (value) => isIP(String(value)) !== 0);
/** Port 0 has the kernel choose one. */
const endpoint: Shape<Endpoint> = object({ address, port: whole(0, 65_535) });
const ports = spanOf(1, 65_535);
export const PACKET_LENGTH: Shape<number | Span> = spanOf(0, 65_535);
export const WINDOW: Shape<number | Span> = spanOf(0, 65_535);
export const ECN: Shape<EcnField> = oneOf(...ECN_FIELDS);
export const TRACKED: Shape<TrackedState> = oneOf(...TRACKED_STATES);
/** As sysctl(8) names those of a network: any other would be the whole machine's. */
const SYSCTL: Shape<string> = text(/^net(\.[\w-]+)+$/, 'a sysctl such as net.ipv4.tcp_syn_retries');
const SYSCTL_VALUE: Shape<string | number> = fitting(
  'a number or text',
  (value) => Number.isFinite(value) || (typeof value === 'string' && value.trim() !== ''),
);
export const OPTION: Shape<SocketOption> = oneOf(...SOCKET_OPTION_NAMES);
export const OPTION_VALUE: Shape<number> = whole(-(2 ** 31), 2 ** 31 - 1);
export const FLAGS: Shape<string> = text(
  /^[SFRPU.EW]+$/,
  "flags in tcpdump's letters, such as S or S. (S F R P U E W, and . for ACK)",
);
const rule = object<Rule>({
  hook: oneOf('in', 'out'),
  fate: oneOf(...FATES),
  peer: optional(address),
  sourcePort: optional(ports),
  destinationPort: optional(ports),
  flags: optional(FLAGS),
  length: optional(PACKET_LENGTH),
  window: optional(WINDOW),
  ecn: optional(ECN),
  tracked: optional(TRACKED),
});

/** A number, or those from the first to the last. */
function spanOf(min: number, max: number): Shape<number | Span> {
  const number = whole(min, max);
  const span: Shape<Span> = object({ first: number, last: number });
  const what = `a whole number from ${min} to ${max}, or { first, last }`;
  return {
    flawOf: (value, path) => {
      if (!isObject(value)) return number.flawOf(value, path) && flaw(path, what, value);
      const found = span.flawOf(value, path);
      if (found !== undefined || Number(value['first']) <= Number(value['last'])) return found;
      // The packet filter would reject it in words of its own.
      return `${path}: expected first to be at most last, found ${value['first']} to ${value['last']}`;
    },
  };
}

type Shapes = readonly [name: string, shape: Shape<never>][];

/** The arguments of the methods that take some, in their order. */
const ARGUMENTS: { readonly [M in keyof Host]?: Shapes } = {
  bind: named({ socket, local: endpoint }),
  listen: named({ socket, backlog: whole(0, 2 ** 31 - 1) }),
  connect: named({ socket, remote: endpoint }),
  accept: named({ listener: socket }),
  shutdown: named({ socket }),
  close: named({ socket }),
  abort: named({ socket }),
  send: named({ socket, data: bytes }),
  receive: named({ socket }),
  setOption: named({ socket, option: OPTION, value: OPTION_VALUE }),
  takeError: named({ socket }),
  localEndpoint: named({ socket }),
  remoteEndpoint: named({ socket }),
  destroySocket: named({ local: endpoint, remote: endpoint }),
  setRule: named({ rule }),
  liftRule: named({ number: whole(1) }),
  readSysctl: named({ name: SYSCTL }),
  writeSysctl: named({ name: SYSCTL, value: SYSCTL_VALUE }),
  giveLocalPorts: named({ first: port, last: port }),
};

function named(shapes: Record<string, object>): Shapes {
  return Object.entries(shapes) as unknown as Shapes;
}

/** A host that rejects calls with arguments of the wrong type before it does anything. */
export function guarded<H extends Host>(host: H): H {
  return new Proxy(host, {
    get: (inner, method) => {
      // A host's methods use its private fields.
      const value = Reflect.get(inner, method, inner) as unknown;
      if (typeof value !== 'function') return value;
      const shapes = ARGUMENTS[method as keyof Host];
      if (!shapes) return value.bind(inner) as unknown;
      return async (...given: unknown[]) => {
        for (const [index, [name, shape]] of shapes.entries())
          mustFit(`${String(method)}() ${name}`, shape, given[index]);
        return value.apply(inner, given) as unknown;
      };
    },
  });
}
