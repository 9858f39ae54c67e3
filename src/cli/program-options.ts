import type { Command } from 'commander';
import { TcplabError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import type { Programs } from '../scenario/program-end.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { parsePort } from './arguments.ts';
import { complain } from './complaint.ts';
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
export function programsOf(options: ProgramOptions, scenarios: readonly Scenario[]): Programs {
  const programs = programsIn(options);
  for (const { id, ours } of scenarios) {
    const { host, why } = obstacleTo(programs, ours) ?? {};
    if (host === undefined) continue;
    throw new TcplabError('USAGE', `${id} can’t be forced on a program: its ${host} must be tcplab’s own`, {
      hint: `${why}; leave out --${host}, or see \`tcplab list\` for another scenario`,
    });
  }
  return programs;
}

/** Those of all scenarios that let the programs play. The others are left out, which is said. */
export function playableAmong(options: ProgramOptions, scenarios: readonly Scenario[]): Scenario[] {
  const programs = programsIn(options);
  const left = scenarios.flatMap(({ id, ours }) => {
    const obstacle = obstacleTo(programs, ours);
    return obstacle ? [{ id, ...obstacle }] : [];
  });
  if (left.length > 0) {
    const reasons = [...new Set(left.map(({ host, why }) => `of the ${host}: ${why}`))].map((reason) => {
      const ids = left.filter(({ host, why }) => `of the ${host}: ${why}` === reason).map(({ id }) => id);
      return `${ids.join(', ')} (${reason})`;
    });
    complain(`left out, for they can’t be forced on a program: ${reasons.join('; ')}`);
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
    if (!programs[host]?.trim()) throw new TcplabError('USAGE', `--${host} needs a command, and has none`);
  }
  return programs;
}

/** Why a program can't play its end, if it can't. */
function obstacleTo(programs: Programs, ours: Scenario['ours']): { host: HostName; why: string } | undefined {
  for (const host of Object.keys(programs) as HostName[]) {
    const why = ours?.[host];
    if (why !== undefined) return { host, why };
  }
  return undefined;
}
