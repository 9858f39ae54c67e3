import { type Command, InvalidArgumentError, Option } from 'commander';
import { TcplabError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import {
  LAST_CLIENT_PORT,
  mustBeInRange,
  optionNamed,
  type PerHost,
  type Settings,
  sysctlName,
} from '../lab/settings.ts';
import { OPTION_GROUPS } from './help.ts';

/** What a lab sets before anything happens in it, as it was typed. */
export interface SettingOptions {
  sysctl?: string[];
  option?: string[];
  clientPort?: number;
}

/** `--sysctl` and `--option`, of every command that opens labs. */
export function addSettingOptions(command: Command): Command {
  const given = (value: string, before: string[] = []) => [...before, value];
  const repeatable = (flags: string, description: string) =>
    command.addOption(new Option(flags, description).argParser(given).helpGroup(OPTION_GROUPS.lab));
  repeatable('--sysctl <host:name=value>', 'sysctl, such as server:tcp_syncookies=0 (repeatable)');
  repeatable(
    '--option <host:name=value>',
    "option of tcplab's sockets, such as client:TCP_SYNCNT=1 (repeatable)",
  );
  return command;
}

/** `--client-port`, where each lab has one connection that matters. */
export function addClientPort(command: Command): Command {
  return command.addOption(
    new Option('--client-port <port>', "port of the client's first connection")
      .argParser(parseClientPort)
      .helpGroup(OPTION_GROUPS.lab),
  );
}

function parseClientPort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= LAST_CLIENT_PORT) return port;
  throw new InvalidArgumentError(
    `Expected a port from 1 to ${LAST_CLIENT_PORT} (further connections get the next ports)`,
  );
}

/** Throws USAGE for what no lab can set; what a host's kernel rejects, the lab says. */
export function settingsOf({ sysctl = [], option = [], clientPort }: SettingOptions): Settings {
  const [sysctls, socketOptions]: [PerHost<Record<string, string>>, PerHost<Record<string, number>>] = [
    {},
    {},
  ];
  for (const text of sysctl) {
    const { host, name, value } = partsOf('sysctl', text, 'server:tcp_syncookies=0');
    put(sysctls, 'sysctl', host, sysctlName(name), value);
  }
  for (const text of option) {
    const { host, name, value } = partsOf('option', text, 'client:TCP_USER_TIMEOUT=5000');
    const known = optionNamed(name);
    if (!/^-?\d+$/.test(value)) throw notUnderstood('option', text, 'client:TCP_USER_TIMEOUT=5000');
    mustBeInRange(known, Number(value));
    put(socketOptions, 'option', host, known, Number(value));
  }
  return {
    ...(sysctl.length > 0 ? { sysctls } : {}),
    ...(option.length > 0 ? { socketOptions } : {}),
    ...(clientPort === undefined ? {} : { clientPort }),
  };
}

function put<T>(all: PerHost<Record<string, T>>, what: string, host: HostName, name: string, value: T): void {
  const ofHost = all[host] ?? {};
  if (Object.hasOwn(ofHost, name)) {
    throw new TcplabError('USAGE', `--${what} sets ${name} of the ${host} twice`, {
      hint: 'remove one of them',
    });
  }
  all[host] = { ...ofHost, [name]: value };
}

function partsOf(
  what: string,
  text: string,
  example: string,
): { host: HostName; name: string; value: string } {
  const [, host, name, value] = /^(client|server):([^=\s]+)=(.*\S.*)$/.exec(text) ?? [];
  if (host === undefined || name === undefined || value === undefined)
    throw notUnderstood(what, text, example);
  return { host: host as HostName, name, value: value.trim() };
}

function notUnderstood(what: string, text: string, example: string): TcplabError {
  return new TcplabError(
    'USAGE',
    `--${what} ${text}: expected HOST:NAME=VALUE, with client or server as HOST`,
    {
      hint: `for example: --${what} ${example}`,
    },
  );
}
