import { SettingError, SystemError, TcplabError } from '../error.ts';
import { fitting } from '../evidence/arguments.ts';
import type { HostName, LabSettings } from '../evidence/events.ts';
import { type Fields, flaw, isObject, object, optional, type Shape, whole } from '../evidence/shape.ts';
import { sysctlNames } from '../kernel/sysctl.ts';
import { suggestion } from '../suggestion.ts';
import {
  rangeOf,
  SOCKET_OPTION_NAMES,
  type SocketOption,
  type SocketOptions,
} from '../tcp/socket-options.ts';
import { LAST_CLIENT_PORT } from './client-ports.ts';
import type { Host, SocketNumber } from './host.ts';

/** Values by name, with or without `net.ipv4.`: `{ tcp_syn_retries: 1 }`. */
export type Sysctls = Record<string, string | number>;

export type PerHost<T> = Partial<Record<HostName, T>>;

/** What a lab sets before anything happens in it. */
export interface Settings {
  /** Sysctls of each host's network namespace. */
  sysctls?: PerHost<Sysctls> | undefined;
  /** Options of every socket that tcplab opens in a host, set before its connect() or listen(). */
  socketOptions?: PerHost<SocketOptions> | undefined;
  /** The port of the client's first connection; further ones have the next ports. Default: one that no lab had lately. */
  clientPort?: number | undefined;
}

const SYSCTL_VALUE: Shape<string | number> = fitting(
  'a number or text',
  (value) => Number.isFinite(value) || (typeof value === 'string' && value.trim() !== ''),
);
const sysctls: Shape<Sysctls> = {
  flawOf: (value, path) => {
    if (!isObject(value)) return flaw(path, 'an object', value);
    const wrong = Object.entries(value).find(([, each]) => SYSCTL_VALUE.flawOf(each, '') !== undefined);
    return wrong && SYSCTL_VALUE.flawOf(wrong[1], `${path}.${wrong[0]}`);
  },
};
const optionFields = Object.fromEntries(
  SOCKET_OPTION_NAMES.map((option) => [option, optional(whole(...rangeOf(option)))]),
) as Fields<SocketOptions>;
export const SOCKET_OPTIONS_SHAPE: Shape<SocketOptions> = object(optionFields);

export const SETTING_FIELDS: Fields<Settings> = {
  sysctls: optional(perHost(sysctls)),
  socketOptions: optional(perHost(SOCKET_OPTIONS_SHAPE)),
  clientPort: optional(whole(1, LAST_CLIENT_PORT)),
};

function perHost<T>(shape: Shape<T>): Shape<PerHost<T>> {
  return object<PerHost<T>>({ client: optional(shape), server: optional(shape) } as Fields<PerHost<T>>);
}

/** Where /proc/sys has what is not of the network. */
const ROOTS = /^(abi|crypto|debug|dev|fs|kernel|sunrpc|user|vm)[./]/;

/** The name in the form of sysctl(8). Throws USAGE for a sysctl that is not per network namespace. */
export function sysctlName(name: string): string {
  if (ROOTS.test(name)) {
    throw new SettingError(`${name} is not a sysctl of a network namespace (those begin with net.)`);
  }
  const full = name.startsWith('net.') ? name : `net.ipv4.${name}`;
  if (!/^net(\.[\w-]+)+$/.test(full)) throw unknownSysctl(name, 'tcplab');
  if (!isOfMachine(full)) return full;
  throw new SettingError(
    `${full} belongs to the whole machine: a network namespace has none of its own`,
    `set it yourself, for all programs: sysctl -w ${full}=...`,
  );
}

/** Those that the kernel has once (net/ipv4/sysctl_net_ipv4.c, ipv4_table; net/core/sysctl_net_core.c, net_core_table). */
const OF_MACHINE: ReadonlySet<string> = new Set(
  [
    ...[
      'tcp_mem',
      'udp_mem',
      'tcp_max_orphans',
      'tcp_low_latency',
      'inet_peer_threshold',
      'inet_peer_minttl',
    ],
    ...['inet_peer_maxttl', 'tcp_available_congestion_control', 'tcp_allowed_congestion_control'],
  ].map((name) => `net.ipv4.${name}`),
);
const CORE_OF_NAMESPACE: ReadonlySet<string> = new Set(
  ['somaxconn', 'optmem_max', 'txrehash', 'tstamp_allow_data'].map((name) => `net.core.${name}`),
);

function isOfMachine(name: string): boolean {
  return OF_MACHINE.has(name) || (name.startsWith('net.core.') && !CORE_OF_NAMESPACE.has(name));
}

/** The settings, in a timeline's form; undefined if none. Throws USAGE for a sysctl that is not per network namespace. */
export function settingsAsked({ sysctls, socketOptions, clientPort }: Settings): LabSettings | undefined {
  const asked = {
    ...someOf('sysctls', sysctls, (ofHost) =>
      Object.entries(ofHost).map(([name, value]) => [sysctlName(name), String(value)]),
    ),
    ...someOf('socketOptions', socketOptions, Object.entries),
    ...(clientPort === undefined ? {} : { clientPort }),
  };
  return Object.keys(asked).length > 0 ? asked : undefined;
}

function someOf<K extends string, T extends object, V>(
  key: K,
  settings: PerHost<T> = {},
  entriesOf: (ofHost: T) => [string, V][],
): Partial<Record<K, PerHost<Record<string, V>>>> {
  const some = Object.entries(settings).flatMap(([host, ofHost]) => {
    const entries = ofHost ? entriesOf(ofHost) : [];
    return entries.length > 0 ? [[host, Object.fromEntries(entries)]] : [];
  });
  return some.length > 0
    ? ({ [key]: Object.fromEntries(some) } as Record<K, PerHost<Record<string, V>>>)
    : {};
}

/** Sets sysctls of a host. Throws `SettingError` with the reason for the first that can't be set. */
export async function setSysctls(
  host: Pick<Host, 'name' | 'readSysctl' | 'writeSysctl'>,
  wanted: Sysctls,
): Promise<void> {
  for (const [given, value] of Object.entries(wanted)) {
    const name = sysctlName(given);
    const before = await host.readSysctl(name);
    if (before === undefined) throw unknownSysctl(name, `the ${host.name}`);
    try {
      await host.writeSysctl(name, value);
    } catch (error) {
      // MACHINE: nothing there can be written.
      if (!(error instanceof TcplabError) || error.code === 'MACHINE') throw error;
      if (!(error instanceof SystemError)) throw new SettingError(error.message, error.hint);
      throw new SettingError(
        `the kernel of the ${host.name} rejects ${value} for ${name} (${error.errno})`,
        `it is ${before} now; https://docs.kernel.org/networking/ip-sysctl.html has the limits`,
      );
    }
  }
}

function unknownSysctl(name: string, where: string): SettingError {
  const hint = suggestion(name, sysctlNames(), '`sysctl -a -r "^net.ipv4"` shows all');
  return new SettingError(`${where} has no sysctl ${name}`, hint);
}

/** The option of this name, in any case. Throws USAGE for one that tcplab does not set. */
export function optionNamed(name: string): SocketOption {
  const option = SOCKET_OPTION_NAMES.find((known) => known === name.toUpperCase());
  if (option) return option;
  throw new SettingError(
    `unknown socket option '${name}'`,
    suggestion(name, SOCKET_OPTION_NAMES, `known: ${SOCKET_OPTION_NAMES.join(', ')}`),
  );
}

/** Throws USAGE for a value that the kernel does not take. */
export function mustBeInRange(option: SocketOption, value: number): void {
  const [least, most] = rangeOf(option);
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new SettingError(
    `${option} takes ${least === most ? `only ${least}` : `${least} to ${most}`}, not ${value}`,
    option === 'SO_LINGER'
      ? 'with 0 s, close() sends an RST; with more, it would block tcplab itself'
      : undefined,
  );
}

/** Opens a socket of the host with these options. Throws `SettingError` for one that its kernel rejects. */
export async function openSocketWith(host: Host, options: SocketOptions): Promise<SocketNumber> {
  const socket = await host.openSocket();
  for (const [option, value] of Object.entries(options) as [SocketOption, number][]) {
    try {
      await host.setOption(socket, option, value);
    } catch (error) {
      await host.close(socket);
      throw optionError(error, host.name, option, value);
    }
  }
  return socket;
}

/** What to throw when a kernel does not take an option. */
export function optionError(error: unknown, host: HostName, option: SocketOption, value: number): unknown {
  if (!(error instanceof SystemError)) return error;
  const isMissing = error.errno === 'ENOPROTOOPT' || error.errno === 'EOPNOTSUPP';
  return new SettingError(
    isMissing
      ? `the kernel of the ${host} does not have ${option} (${error.errno})`
      : `the kernel of the ${host} rejects ${value} for ${option} (${error.errno})`,
  );
}

/** A host whose sockets have the options of its lab, and which reports if the chosen client port is in use. */
export function withSettings<H extends Host>(host: H, { socketOptions, clientPort }: Settings): H {
  const options = socketOptions?.[host.name];
  const chosen = host.name === 'client' ? clientPort : undefined;
  const own: Partial<Host> = {
    ...(options ? { openSocket: () => openSocketWith(host, options) } : {}),
    ...(chosen === undefined
      ? {}
      : {
          bind: async (socket, local) => {
            try {
              await host.bind(socket, local);
            } catch (error) {
              throw error instanceof SystemError && error.errno === 'EADDRINUSE' ? inUse(local.port) : error;
            }
          },
          connect: async (socket, remote) => {
            const result = await host.connect(socket, remote);
            if (result === 'EADDRNOTAVAIL') throw inUse((await host.localEndpoint(socket)).port);
            return result;
          },
        }),
  };
  return overlaid(host, own);
}

/**
 * A host that keeps the settings of its lab: an option that a scenario would set gives way to what was asked for. A sysctl that
 * it would change makes it another scenario, so that throws `SettingConflict`.
 */
export function keepingSettings(host: Host, { socketOptions, sysctls }: Settings): Host {
  const options = socketOptions?.[host.name] ?? {};
  const kept = new Map(
    Object.entries(sysctls?.[host.name] ?? {}).map(([name, value]) => [sysctlName(name), String(value)]),
  );
  if (Object.keys(options).length + kept.size === 0) return host;
  return overlaid(host, {
    setOption: async (socket, option, value) => {
      if (options[option] === undefined) await host.setOption(socket, option, value);
    },
    writeSysctl: async (name, value) => {
      const asked = kept.get(name) ?? String(value);
      if (asked !== String(value)) throw conflict(host.name, name, asked, value);
      await host.writeSysctl(name, value);
    },
  });
}

/** A scenario needs another value than the user asked for. */
export class SettingConflict extends SettingError {}

function conflict(host: HostName, name: string, asked: string, value: string | number): SettingConflict {
  return new SettingConflict(
    `this scenario needs ${name} = ${value} on the ${host}, but ${asked} was asked for`,
    `omit ${host}:${name}=${asked}, or choose another scenario`,
  );
}

/** The host, with some of its methods replaced. */
function overlaid<H extends Host>(host: H, own: Partial<Host>): H {
  return new Proxy(host, {
    get: (inner, method) => {
      // A host's methods use its private fields.
      const value: unknown = Reflect.get(own, method) ?? Reflect.get(inner, method, inner);
      return typeof value === 'function' ? (value.bind(inner) as unknown) : value;
    },
  });
}

function inUse(port: number): SettingError {
  return new SettingError(
    `port ${port} is in use at the client`,
    'choose another port for the client, or omit it to use a free one',
  );
}

/** Throws USAGE for socket options on an end that is a program: its sockets are its own. */
export function mustBeOurs(host: HostName, { socketOptions }: Settings): void {
  const [option] = Object.keys(socketOptions?.[host] ?? {});
  if (option === undefined) return;
  throw new SettingError(
    `${option} can't be set on the ${host}: its sockets belong to the program, which sets its own options`,
    `set it in the program, or use a sysctl of the ${host}, which applies to all of its sockets`,
  );
}
