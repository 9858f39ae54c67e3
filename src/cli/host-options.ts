import { type Command, Option } from 'commander';
import { TcplabError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import type { LabOptions } from '../lab/lab.ts';
import { isPlace } from '../remote/place.ts';
import { ensurePrivilege } from './privileges.ts';

/** What `--client` and `--server` may be: a place for that host, a program that plays it there, or both. */
export interface EndOptions {
  client?: string[];
  server?: string[];
  allowSysctl?: boolean;
  ipv6?: boolean;
}

const PLACES = 'ssh:user@host, exec:COMMAND, pid:NUMBER, netns:NAME, local';

/** For the commands whose hosts may be elsewhere. `programs`: and may be played by programs. */
export function addHostOptions(command: Command, { programs }: { programs: boolean }): Command {
  const given = (value: string, before: string[] = []) => [...before, value];
  const end = (name: HostName, more: string) =>
    new Option(
      `--${name} <${programs ? 'place|command' : 'place'}>`,
      `where the ${name} is (${PLACES})${more}`,
    ).argParser(given);
  return command
    .addOption(
      end('server', programs ? '; or a program that is the server, by a shell in that host; or both' : ''),
    )
    .addOption(
      end('client', programs ? '; or a program: {port} and {server} stand for where to connect' : ''),
    )
    .option('--allow-sysctl', 'let scenarios change sysctls of machines elsewhere, and put them back');
}

/** What was said of one end, apart. */
export function partsOf(
  name: HostName,
  given: readonly string[] | undefined,
): { place?: string; program?: string } {
  const parts: { place?: string; program?: string } = {};
  for (const value of given ?? []) {
    const kind = isPlace(value) ? 'place' : 'program';
    if (parts[kind] !== undefined) {
      throw new TcplabError('USAGE', `--${name} names two ${kind}s: '${parts[kind]}' and '${value}'`);
    }
    parts[kind] = value;
  }
  return parts;
}

/** The hosts that the options name, opened; those of a lab's own where they name none. */
export interface Hosts extends AsyncDisposable {
  lab: Pick<LabOptions, 'hosts'>;
  privilege: 'root' | 'user-namespace';
  areElsewhere: boolean;
  /** How long each step to a state may take, where that is not as usual. */
  withinMs?: number;
}

/** What takes milliseconds here takes machines far away, busy or emulated ones some seconds. */
export const ELSEWHERE_WITHIN_MS = 20_000;

/** Labs on the same machines would see each other's changes of sysctls, or want the same port: then there is one at a time. */
export function jobsOf(
  hosts: Hosts,
  { jobs, allowSysctl = false, port }: { jobs: number; allowSysctl?: boolean; port?: number },
): number {
  return hosts.areElsewhere && (allowSysctl || port !== undefined) ? 1 : jobs;
}

/** What is a scenario's result, and no reason to end them all: of machines elsewhere also that they can't do something. */
export function isOwnFailure(
  error: unknown,
  { areElsewhere }: Pick<Hosts, 'areElsewhere'>,
): error is TcplabError {
  return error instanceof TcplabError && (areElsewhere || error.code !== 'MACHINE');
}

/** Makes sure of what is needed for them: of privileges here, or of agents there. */
export async function openHosts({ client, server, allowSysctl = false, ipv6 }: EndOptions): Promise<Hosts> {
  const places = { client: partsOf('client', client).place, server: partsOf('server', server).place };
  if (places.client === undefined && places.server === undefined) {
    if (allowSysctl) {
      throw new TcplabError('USAGE', '--allow-sysctl is for hosts that are elsewhere', {
        hint: 'what is changed in a lab’s own namespaces is gone with them',
      });
    }
    const privilege = ensurePrivilege();
    return { lab: {}, privilege, areElsewhere: false, [Symbol.asyncDispose]: async () => {} };
  }
  for (const name of ['client', 'server'] as const) {
    if (places[name] !== undefined) continue;
    throw new TcplabError('USAGE', `it is not said where the ${name} is`, {
      hint: `--${name} ${PLACES.split(', ').join(' | ')}; \`local\` is this very machine`,
    });
  }
  const { RemotePair } = await import('../remote/remote-pair.ts');
  const pair = await RemotePair.open(places as Record<HostName, string>, {
    allowSysctl,
    family: ipv6 ? 'ipv6' : 'ipv4',
  });
  return {
    lab: { hosts: pair.openPair },
    privilege: pair.areRoot ? 'root' : 'user-namespace',
    areElsewhere: true,
    withinMs: ELSEWHERE_WITHIN_MS,
    [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose](),
  };
}
