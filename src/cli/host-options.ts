import { type Command, Option } from 'commander';
import { SettingError, TcplabError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import type { LabOptions } from '../lab/lab.ts';
import type { Settings } from '../lab/settings.ts';
import { HOST_KINDS, isPlace } from '../remote/place.ts';
import { OPTION_GROUPS } from './help.ts';
import { ensurePrivilege } from './privileges.ts';
import { type SettingOptions, settingsOf } from './settings-of.ts';

/** The values of `--client` and `--server`: a host, a program that is this end of the connection, or both. */
export interface EndOptions extends SettingOptions {
  client?: string[];
  server?: string[];
  allowSysctl?: boolean;
  ipv6?: boolean;
}

/** The paragraph of a command's help about the values of `--client` and `--server`. */
export const ABOUT_HOSTS: string = `A host is ${HOST_KINDS} (this machine). Without hosts, each lab has two network namespaces.`;

/** The options of a command whose hosts can be remote. `programs`: and whose ends can be programs. */
export function addHostOptions(command: Command, { programs }: { programs: boolean }): Command {
  const end = (name: HostName, program: string) =>
    new Option(
      `--${name} <${programs ? 'command|host' : 'host'}>`,
      programs ? `${program}, or its host` : `host of the ${name}`,
    ).argParser(oneMore);
  return command
    .addOption(end('server', 'server program'))
    .addOption(end('client', 'client program ({server} and {port} filled in)'))
    .addOption(
      new Option('--allow-sysctl', 'sysctl changes on remote hosts, undone afterwards').helpGroup(
        OPTION_GROUPS.lab,
      ),
    );
}

/** The value of an option that may be given repeatedly. */
export function oneMore(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** The options of every command that opens labs. `--firewall` gives a `FirewallKind`. */
export function addLabOptions(command: Command): Command {
  const labeled = command
    .optionsGroup(OPTION_GROUPS.lab)
    .option('--ipv6', 'IPv6 between the hosts')
    .addOption(
      new Option('--firewall <kind>', 'firewall for the rules').choices(['nft', 'iptables']).default('nft'),
    );
  return addSettingOptions(labeled);
}

/** `--sysctl` and `--option`, of every command that opens labs. */
export function addSettingOptions(command: Command): Command {
  const repeatable = (flags: string, description: string) =>
    command.addOption(new Option(flags, description).argParser(oneMore).helpGroup(OPTION_GROUPS.lab));
  repeatable('--sysctl <host:name=value>', 'sysctl, such as server:tcp_retries2=5 (repeatable)');
  repeatable(
    '--option <host:name=value>',
    "option of tcplab's sockets, such as client:TCP_SYNCNT=1 (repeatable)",
  );
  return command;
}

/** The host and the program among the values of an option. */
export function partsOf(
  name: HostName,
  given: readonly string[] | undefined,
): { place?: string; program?: string } {
  const parts: { place?: string; program?: string } = {};
  for (const value of given ?? []) {
    const kind = isPlace(value) ? 'place' : 'program';
    if (parts[kind] !== undefined) {
      const what = kind === 'place' ? 'hosts' : 'programs';
      throw new TcplabError('USAGE', `--${name} names two ${what}: '${parts[kind]}' and '${value}'`, {
        hint: `remove one of them`,
      });
    }
    parts[kind] = value;
  }
  return parts;
}

/** The opened hosts that the options name; without such options, each lab has namespaces of its own. */
export interface Hosts extends AsyncDisposable {
  lab: Pick<LabOptions, 'hosts' | keyof Settings>;
  privilege: 'root' | 'user-namespace';
  areElsewhere: boolean;
  /** How long each step to a state may take, if not the default. */
  withinMs?: number;
}

/** What takes milliseconds on this machine takes remote, busy or emulated machines some seconds. */
export const ELSEWHERE_WITHIN_MS = 20_000;

/** One lab at a time where labs on the same machines would share sysctls or a port; otherwise `jobs`. */
export function jobsOf(
  hosts: Hosts,
  { jobs, allowSysctl = false, port }: { jobs: number; allowSysctl?: boolean; port?: number | undefined },
): number {
  // Without BPF, only the client's port distinguishes the kernel events of concurrent labs.
  if (hosts.lab.clientPort !== undefined) return 1;
  return hosts.areElsewhere && (allowSysctl || port !== undefined) ? 1 : jobs;
}

/** Whether an error is the result of one scenario and does not end the run: on remote hosts this includes `MACHINE`. */
export function isOwnFailure(
  error: unknown,
  { areElsewhere }: Pick<Hosts, 'areElsewhere'>,
): error is TcplabError {
  if (!(error instanceof TcplabError) || error instanceof SettingError) return false;
  return areElsewhere || error.code !== 'MACHINE';
}

/** Opens the hosts: gets the privileges on this machine, or starts the agents on remote hosts. */
export async function openHosts(options: EndOptions): Promise<Hosts> {
  const { client, server, allowSysctl = false, ipv6 } = options;
  const settings = settingsOf(
    options,
    (['client', 'server'] as const).filter((name) => partsOf(name, options[name]).program !== undefined),
  );
  const places = { client: partsOf('client', client).place, server: partsOf('server', server).place };
  if (places.client === undefined && places.server === undefined) {
    if (allowSysctl) {
      throw new TcplabError('USAGE', '--allow-sysctl requires --client HOST and --server HOST', {
        hint: 'remove it: in its own namespaces, a lab can change sysctls without it',
      });
    }
    const privilege = ensurePrivilege();
    return { lab: settings, privilege, areElsewhere: false, [Symbol.asyncDispose]: async () => {} };
  }
  for (const name of ['client', 'server'] as const) {
    if (places[name] !== undefined) continue;
    const other = name === 'client' ? 'server' : 'client';
    throw new TcplabError(
      'USAGE',
      `missing --${name}: with --${other} HOST, tcplab needs the host of the ${name} too`,
      {
        hint: `add --${name} HOST, where HOST is ${HOST_KINDS} (this machine)`,
      },
    );
  }
  mustBeAllowed(options);
  const { RemotePair } = await import('../remote/remote-pair.ts');
  const pair = await RemotePair.open(places as Record<HostName, string>, {
    allowSysctl,
    family: ipv6 ? 'ipv6' : 'ipv4',
  });
  return {
    lab: { hosts: pair.openPair, ...settings },
    privilege: pair.areRoot ? 'root' : 'user-namespace',
    areElsewhere: true,
    withinMs: ELSEWHERE_WITHIN_MS,
    [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose](),
  };
}

/** Throws USAGE for sysctls of remote hosts, which others use as well, if they are not allowed. */
export function mustBeAllowed({ sysctl = [], allowSysctl = false }: EndOptions): void {
  if (sysctl.length === 0 || allowSysctl) return;
  throw new TcplabError('USAGE', '--sysctl on remote hosts requires --allow-sysctl', {
    hint: 'add --allow-sysctl: tcplab changes the sysctl of the machine, and restores it at the end',
  });
}
