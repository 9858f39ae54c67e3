import { TcplabError } from '../error.ts';
import type { Host, StartOptions } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';
import type { Program } from '../lab/program.ts';
import type { Patience } from './patience.ts';

export interface ProgramOptions extends StartOptions, Patience {
  /** Waits until something of this host LISTENs on it. */
  port?: number;
}

/** Starts a program in a host. One that is to listen is waited for by the socket table. */
export async function startProgram(
  lab: Lab,
  host: Host,
  command: string | readonly string[],
  { port, within, ...options }: ProgramOptions,
): Promise<Program> {
  const program = await host.start(command, options);
  if (port === undefined) return program;
  const named = `the program of the ${host.name} (${program.command})`;
  try {
    await lab.waitFor(
      `${named} to listen on port ${port}`,
      async () => {
        const rows = await host.observe();
        if (rows.some(({ state, local }) => state === 'LISTEN' && local.port === port)) return true;
        if (program.status === undefined) return false;
        const ended = `${named} ended with status ${program.status} before it listened on port ${port}`;
        throw new TcplabError('TIMEOUT', `${ended}${saidBy(program)}`);
      },
      within,
    );
  } catch (error) {
    await program.stop();
    if (!(error instanceof TcplabError) || program.output === '' || error.message.includes('\n')) throw error;
    throw new TcplabError(error.code, `${error.message}${saidBy(program)}`, { cause: error });
  }
  return program;
}

const LINES = 10;

function saidBy({ output }: Program): string {
  const last = output.trimEnd().split('\n').slice(-LINES);
  return output.trim() === '' ? '; it said nothing' : `; it said:\n${last.join('\n')}`;
}
