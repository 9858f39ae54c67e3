import { TcplabError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import { FIRST_PORT_OF_PROGRAMS, LAST_CLIENT_PORT } from '../lab/client-ports.ts';
import {
  mustBeInRange,
  mustBeOurs,
  optionNamed,
  type PerHost,
  type Settings,
  sysctlName,
} from '../lab/settings.ts';
import { rangeOf, type SocketOption } from '../tcp/socket-options.ts';

/** What a lab sets before anything happens in it, as it was typed. */
export interface SettingOptions {
  sysctl?: string[];
  option?: string[];
  clientPort?: number;
}

/**
 * Throws USAGE for what no lab can set, or none in which these ends are programs. What a host's kernel rejects, the lab
 * says.
 */
export function settingsOf(options: SettingOptions, programs: readonly HostName[] = []): Settings {
  const settings = parsed(options);
  for (const host of programs) mustBeOurs(host, settings);
  const { clientPort = FIRST_PORT_OF_PROGRAMS } = settings;
  if (!programs.includes('client') || clientPort >= FIRST_PORT_OF_PROGRAMS) return settings;
  throw new TcplabError(
    'USAGE',
    `--client-port of a program must be from ${FIRST_PORT_OF_PROGRAMS} to ${LAST_CLIENT_PORT}`,
    {
      hint: 'the kernel gives lower ports only to programs that bind() them (ip_unprivileged_port_start)',
    },
  );
}

function parsed({ sysctl = [], option = [], clientPort }: SettingOptions): Settings {
  const [sysctls, socketOptions]: [PerHost<Record<string, string>>, PerHost<Record<string, number>>] = [
    {},
    {},
  ];
  for (const text of sysctl) {
    const { host, name, value } = partsOf('sysctl', text, 'server:tcp_retries2=5');
    put(sysctls, 'sysctl', host, sysctlName(name), value);
  }
  for (const text of option) {
    const { host, name, value } = partsOf('option', text, 'client:TCP_USER_TIMEOUT=5000');
    const known = optionNamed(name);
    if (!/^-?\d+$/.test(value)) {
      throw new TcplabError('USAGE', `${known} takes a whole number, not '${value}'`, {
        hint: `for example: --option ${host}:${known}=${exampleOf(known)}`,
      });
    }
    mustBeInRange(known, Number(value));
    put(socketOptions, 'option', host, known, Number(value));
  }
  return {
    ...(sysctl.length > 0 ? { sysctls } : {}),
    ...(option.length > 0 ? { socketOptions } : {}),
    ...(clientPort === undefined ? {} : { clientPort }),
  };
}

/** 1, if the option takes it. */
function exampleOf(option: SocketOption): number {
  const [least, most] = rangeOf(option);
  return Math.min(most, Math.max(least, 1));
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
