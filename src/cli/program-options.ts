import type { Command } from 'commander';
import { TcplabError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import type { Programs } from '../scenario/program-end.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { parsePort } from './arguments.ts';
import { addHostOptions, type EndOptions, partsOf } from './host-options.ts';

export interface ProgramOptions extends EndOptions {
  port?: number;
}

/** For the commands in which programs may play the ends. */
export function addProgramOptions(command: Command): Command {
  return addHostOptions(command, { programs: true }).option(
    '--port <port>',
    'the port of the server (80 if not said; elsewhere a free one)',
    parsePort,
  );
}

/** What plays which end, when every scenario lets it. */
export function programsOf({ client, server }: ProgramOptions, scenarios: readonly Scenario[]): Programs {
  const [ofClient, ofServer] = [partsOf('client', client).program, partsOf('server', server).program];
  const programs: Programs = {
    ...(ofClient === undefined ? {} : { client: ofClient }),
    ...(ofServer === undefined ? {} : { server: ofServer }),
  };
  for (const host of Object.keys(programs) as HostName[]) {
    if (!programs[host]?.trim()) throw new TcplabError('USAGE', `--${host} needs a command, and has none`);
    for (const { id, ours } of scenarios) {
      const why = ours?.[host];
      if (why === undefined) continue;
      throw new TcplabError('USAGE', `${id} can’t be forced on a program: its ${host} must be tcplab’s own`, {
        hint: `${why}; leave out --${host}, or see \`tcplab list\` for another scenario`,
      });
    }
  }
  return programs;
}
