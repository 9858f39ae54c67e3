import type { Command } from 'commander';
import { TcplabError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import type { Programs } from '../scenario/program-end.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { parsePort } from './arguments.ts';

export interface ProgramOptions {
  client?: string;
  server?: string;
  port?: number;
}

/** For the commands in which programs may play the ends. */
export function addProgramOptions(command: Command): Command {
  return command
    .option('--server <command>', 'a program that is the server (started by a shell, inside that host)')
    .option('--client <command>', 'a program that is the client; {port} and {server} stand for where to')
    .option('--port <port>', 'the port of the server (80 if not said)', parsePort);
}

/** What plays which end, when every scenario lets it. */
export function programsOf({ client, server }: ProgramOptions, scenarios: readonly Scenario[]): Programs {
  const programs: Programs = {
    ...(client === undefined ? {} : { client }),
    ...(server === undefined ? {} : { server }),
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
