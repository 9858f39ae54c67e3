import { type Command, Option } from 'commander';
import { TcplabError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import type { Programs } from '../scenario/program-end.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { parseClientPort, parsePort } from './arguments.ts';
import { complain } from './complaint.ts';
import { OPTION_GROUPS } from './help.ts';
import { addHostOptions, type EndOptions, partsOf } from './host-options.ts';

export interface ProgramOptions extends EndOptions {
  port?: number;
}

/** The options of a command in which programs can be the ends of the connection. */
export function addProgramOptions(command: Command): Command {
  return addClientPort(
    addHostOptions(command, { programs: true }).option(
      '--port <port>',
      'server port (default: 80; remote: any free port)',
      parsePort,
    ),
  );
}

/** `--client-port`, where each lab has one connection that matters. */
function addClientPort(command: Command): Command {
  return command.addOption(
    new Option('--client-port <port>', "port of the client's first connection (1 to 65500)")
      .argParser(parseClientPort)
      .helpGroup(OPTION_GROUPS.lab),
  );
}

/** The programs of both ends. Throws USAGE if a scenario can't use one of them. */
export function programsOf(options: ProgramOptions, scenarios: readonly Scenario[]): Programs {
  const programs = programsIn(options);
  for (const { id, ours } of scenarios) {
    const { host, why } = obstacleTo(programs, ours) ?? {};
    if (host === undefined) continue;
    throw new TcplabError('USAGE', `${id} can't use your program as the ${host}: ${why}`, {
      hint: `remove --${host}, or choose another scenario (\`tcplab list\`)`,
    });
  }
  return programs;
}

/** The scenarios that can use the programs. Prints which others it skips, and why. */
export function playableAmong(options: ProgramOptions, scenarios: readonly Scenario[]): Scenario[] {
  const programs = programsIn(options);
  const left = scenarios.flatMap(({ id, ours }) => {
    const obstacle = obstacleTo(programs, ours);
    return obstacle ? [{ id, ...obstacle }] : [];
  });
  if (left.length > 0) {
    const reasons = left.map(({ id, why }) => `${id}: ${why}`);
    complain(`skipped ${left.length} scenarios that can't use your program`, reasons.join('\n'));
  }
  return scenarios.filter(({ ours }) => !obstacleTo(programs, ours));
}

function programsIn({ client, server }: ProgramOptions): Programs {
  const [ofClient, ofServer] = [partsOf('client', client).program, partsOf('server', server).program];
  const programs: Programs = {
    ...(ofClient === undefined ? {} : { client: ofClient }),
    ...(ofServer === undefined ? {} : { server: ofServer }),
  };
  for (const host of Object.keys(programs) as HostName[]) {
    if (!programs[host]?.trim())
      throw new TcplabError('USAGE', `--${host} is empty`, {
        hint: `give a command, such as 'node ${host}.js', or a host, such as ssh:user@b`,
      });
  }
  return programs;
}

/** Why a scenario can't use a program as an end, if it can't. */
function obstacleTo(programs: Programs, ours: Scenario['ours']): { host: HostName; why: string } | undefined {
  for (const host of Object.keys(programs) as HostName[]) {
    const why = ours?.[host];
    if (why !== undefined) return { host, why };
  }
  return undefined;
}
