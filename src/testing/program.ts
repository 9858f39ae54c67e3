import { TcplabError } from '../error.ts';
import { mustFit, nonEmpty, port } from '../evidence/arguments.ts';
import { list, map, object, optional, type Shape, text } from '../evidence/shape.ts';
import type { Host, StartOptions } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';
import type { Program } from '../lab/program.ts';
import { PATIENCE_FIELDS, type Patience } from './patience.ts';

export interface ProgramOptions extends StartOptions, Patience {
  /** Waits until a socket of this host is in LISTEN on this port. */
  port?: number;
}

const PROGRAM = object<ProgramOptions>({
  ...PATIENCE_FIELDS,
  port: optional(port),
  directory: optional(nonEmpty),
  user: optional(nonEmpty),
  environment: optional(map(optional(text())) as Shape<NodeJS.ProcessEnv>),
});
/** The first word is the program; others may be empty. */
const WORDS = list(text(/^[^\0]*$/, 'text without NUL'));
const EXAMPLE = "example: lab.server.start('node server.js', { port: 8080 })";

/** Starts a program in a host. With a port it waits, by the socket table, until the program listens. */
export async function startProgram(
  lab: Lab,
  host: Host,
  command: string | readonly string[],
  options: ProgramOptions,
): Promise<Program> {
  if (Array.isArray(command)) {
    mustFit('start() command', WORDS, command, EXAMPLE);
    mustFit('start() command[0]', nonEmpty, command[0], EXAMPLE);
  } else {
    mustFit('start() command', text(/^[^\0]*\S[^\0]*$/, 'a command, or a list of words'), command, EXAMPLE);
  }
  mustFit('start() options', PROGRAM, options, EXAMPLE);
  const { port, within, ...rest } = options;
  const program = await host.start(command, rest);
  if (port === undefined) return program;
  const named = `the program of the ${host.name} (${program.command})`;
  try {
    await lab.waitFor(
      { failure: `${named} did not listen on port ${port}` },
      async () => {
        const rows = await host.observe();
        if (rows.some(({ state, local }) => state === 'LISTEN' && local.port === port)) return true;
        if (program.status === undefined) return false;
        const ended = `${named} exited with status ${program.status} before it listened on port ${port}`;
        throw new TcplabError('TIMEOUT', `${ended}${outputOf(program)}`);
      },
      within,
    );
  } catch (error) {
    await program.stop();
    if (!(error instanceof TcplabError) || program.output === '' || error.message.includes('\n')) throw error;
    throw new TcplabError(error.code, `${error.message}${outputOf(program)}`, { cause: error });
  }
  return program;
}

const LINES = 10;

function outputOf({ output }: Program): string {
  const last = output.trimEnd().split('\n').slice(-LINES);
  return output.trim() === '' ? '; it printed nothing' : `; its output:\n${last.join('\n')}`;
}
