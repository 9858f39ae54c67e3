import { TcplabError } from '../error.ts';
import { errorLine } from '../evidence/program-ends.ts';
import type { Host, StartOptions } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';
import type { Program } from '../lab/program.ts';
import { shellWord } from '../lab/shell-word.ts';
import { type Endpoint, formatEndpoint } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { Stage } from './stage.ts';

/** A text is for the shell; words are executed as they are. */
export type Command = string | readonly string[];

/** The command with the lab's values in place of {port}, {server} and {client}: the server's port and the two addresses. {name} is the
 * server's address too, where it has no name. */
export function commandIn<C extends Command>(lab: Lab, command: C): C {
  const { server, client, serverPort: port } = lab;
  const words = { port, server: server.address, client: client.address, name: server.address };
  const fill = (text: string) =>
    text.replace(/\{(port|server|client|name)\}/g, (_, word: keyof typeof words) => String(words[word]));
  return (typeof command === 'string' ? fill(command) : command.map(fill)) as C;
}

/** How messages name a program. */
export function nameOf(lab: Lab, host: Host, command: Command): string {
  const filled: Command = commandIn(lab, command);
  return `the ${host.name}'s program (${typeof filled === 'string' ? filled : filled.map(shellWord).join(' ')})`;
}

/** A program ended before it did what the scenario waits for. */
export class EndedEarly extends TcplabError {}

/** A program listens, but the process that was started has exited: nothing can be told of its end any more. */
export class WentToBackground extends TcplabError {}

/**
 * Starts a program and waits until it listens on the lab's port, according to the socket table. Throws with code TIMEOUT if
 * it does not, with what it does instead.
 */
export async function startListening(
  lab: Lab,
  host: Host,
  command: Command,
  waitFor: Stage['waitFor'],
  options: StartOptions = {},
): Promise<Program> {
  const local = lab.serverEndpoint();
  const named = nameOf(lab, host, command);
  const program = await host.start(commandIn(lab, command), options);
  let listeners: SocketRow[] = [];
  try {
    await waitFor({ failure: `${named} did not listen on port ${local.port}` }, async () => {
      listeners = (await host.observe()).filter(({ state }) => state === 'LISTEN');
      if (listeners.some((row) => listensFor(row, local))) {
        if (program.status === undefined) return true;
        const { status } = program;
        throw new WentToBackground(
          'TIMEOUT',
          `${named} went into the background: it listens, but the process that was started has exited with status ${status}`,
        );
      }
      mustRun(program, named, `listened on port ${local.port}`);
      return false;
    });
  } catch (error) {
    if (!(error instanceof TcplabError) || listeners.length === 0) throw error;
    const elsewhere = listeners.map((row) => formatEndpoint(row.local)).join(', ');
    throw new TcplabError(
      error.code,
      `${error.message}; it listens on ${elsewhere}${remedy(listeners, local)}`,
    );
  }
  return program;
}

/** `: use --port 8080`, if a lab with that port would reach all that listens. */
function remedy(listeners: readonly SocketRow[], wanted: Endpoint): string {
  const [port, ...others] = new Set(listeners.map(({ local }) => local.port));
  const suits =
    port !== undefined &&
    others.length === 0 &&
    listeners.some((row) => listensFor(row, { address: wanted.address, port }));
  return suits ? `: use --port ${port}` : '';
}

/** Throws `EndedEarly`, with code TIMEOUT, if the program has ended. */
export function mustRun({ status, output }: Program, named: string, before: string): void {
  if (status === undefined) return;
  const said = errorLine(output);
  const because = said ? `: ${said}` : '';
  throw new EndedEarly('TIMEOUT', `${named} exited with status ${status} before it ${before}${because}`);
}

function listensFor({ local }: SocketRow, wanted: Endpoint): boolean {
  return local.port === wanted.port && [wanted.address, '0.0.0.0', '::'].includes(local.address);
}
