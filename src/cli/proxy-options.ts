import { type Command, Option } from 'commander';
import type { WayName } from '../check/proxy/way.ts';
import type { Target } from '../check/run-check.ts';
import { TcplabError } from '../error.ts';
import { SERVER_PORT } from '../lab/addresses.ts';
import { parsePort } from './arguments.ts';

/** The options of a relay between a client and a server. */
export interface ProxyOptions {
  serverPort?: number;
  connect?: boolean;
  socks?: boolean;
}

/** Longer than a relay should need to connect; the default of --within for one. */
export const PROXY_WITHIN_MS = 6000;

export function addProxyOptions(command: Command): Command {
  return command
    .option('--server-port <port>', 'proxy: port of the server (default: 80)', parsePort)
    .addOption(new Option('--connect', 'proxy: HTTP CONNECT asks it for the server').conflicts('socks'))
    .option('--socks', 'proxy: SOCKS5 asks it for the server');
}

/** What can't be said of a relay: by its flag. */
const NOT_OF_A_PROXY = [
  ...['talk', 'http', 'expectStatus', 'request', 'expect', 'greeting', 'answer', 'tls'],
  ...['client', 'server', 'allowSysctl', 'sysctl', 'option', 'report'],
];

/** Undefined if something else is tested. Throws USAGE for options that do not go together. */
export function proxyOf(
  target: Target,
  { serverPort, connect = false, socks = false }: ProxyOptions,
  called: Command,
): { way: WayName; serverPort: number } | undefined {
  if (target !== 'proxy') {
    const [name] = Object.entries({ serverPort, connect, socks }).find(([, value]) => value) ?? [];
    if (name === undefined) return undefined;
    throw new TcplabError('USAGE', `${flagOf(name)} applies to \`check proxy\` only`, {
      hint: `remove it: what is tested is a ${target}`,
    });
  }
  const other = NOT_OF_A_PROXY.find((name) => called.getOptionValue(name) !== undefined);
  if (other !== undefined) {
    throw new TcplabError('USAGE', `${flagOf(other)} can't be used with \`check proxy\` yet`, {
      hint: 'it has --port, --server-port, --connect, --socks, --within, --only, --json, --junit, --ladder and --ipv6',
    });
  }
  return { way: connect ? 'connect' : socks ? 'socks' : 'relay', serverPort: serverPort ?? SERVER_PORT };
}

function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
