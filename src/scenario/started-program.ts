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

/**
 * The command with the lab's values in place of {port}, {server} and {client}: the server's port and the two addresses; `more`
 * has others. {name} is the server's address too, where it has no name.
 */
export function commandIn<C extends Command>(lab: Lab, command: C, more: Record<string, string> = {}): C {
  const { server, client, serverPort } = lab;
  const words: Record<string, string> = {
    ...{ port: String(serverPort), server: server.address, client: client.address, name: server.address },
    ...more,
  };
  const fill = (text: string) => text.replace(/\{(\w+)\}/g, (whole, word: string) => words[word] ?? whole);
  return (typeof command === 'string' ? fill(command) : command.map(fill)) as C;
}

/** How messages name a program. */
export function nameOf(lab: Lab, host: Host, command: Command): string {
  const filled: Command = commandIn(lab, command);
  return `the ${host.name}'s program (${typeof filled === 'string' ? filled : filled.map(shellWord).join(' ')})`;
}

/** A program ended before it did what the scenario waits for. */
export class EndedEarly extends TcplabError {}

/** A program listens, but not where the lab needs it. */
export class ListensElsewhere extends TcplabError {}

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
  let endedMs: number | undefined;
  try {
    await waitFor({ failure: `${named} did not listen on port ${local.port}` }, async () => {
      listeners = (await host.observe()).filter(({ state }) => state === 'LISTEN');
      if (listeners.some((row) => listensFor(row, local))) {
        if (program.exitStatus === undefined) return true;
        throw wentToBackground(program, named);
      }
      // The parent of a daemon may exit before its child listens.
      if (program.status === 0) {
        endedMs ??= lab.nowMs();
        if (lab.nowMs() - endedMs < LISTENS_WITHIN_MS) return false;
      }
      mustRun(program, named, `listened on port ${local.port}`);
      return false;
    });
  } catch (error) {
    if (!(error instanceof TcplabError) || listeners.length === 0) throw error;
    if (error instanceof EndedEarly || error instanceof WentToBackground) throw error;
    const elsewhere = listeners.map((row) => formatEndpoint(row.local)).join(', ');
    throw new ListensElsewhere(
      error.code,
      `${error.message}; it listens on ${elsewhere}${remedy(listeners, local)}`,
    );
  }
  return program;
}

/** How soon a daemon listens after its parent has exited. */
const LISTENS_WITHIN_MS = 2000;

/** For a program that listens, while the process that was started has exited. */
export function wentToBackground({ exitStatus }: Program, named: string): WentToBackground {
  return new WentToBackground(
    'TIMEOUT',
    `${named} went into the background: it listens, but the process that was started has exited with status ${exitStatus}; have it stay in the foreground (nginx -g 'daemon off;', --foreground, no -d)`,
  );
}

/** What would be right: `: use --port 8080`. */
function remedy(listeners: readonly SocketRow[], { address, port }: Endpoint): string {
  const reachable = listeners.filter(({ local }) => listensFor({ local }, { address, port: local.port }));
  const ports = [...new Set(reachable.map(({ local }) => local.port))];
  if (ports.length > 0) return `: use --port ${ports.join(' or ')}`;
  const onPort = listeners.filter(({ local }) => local.port === port);
  const isIpv6 = address.includes(':');
  if (
    onPort.length > 0 &&
    onPort.every(({ local }) => local.address.includes(':') !== isIpv6 && !isLoopback(local))
  )
    return isIpv6 ? ': leave --ipv6 out' : ': use --ipv6';
  return `, where ${address}, the lab's address, does not reach it: have it listen on ${isIpv6 ? '::' : '0.0.0.0'}, or on {server}`;
}

function isLoopback({ address }: Endpoint): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** Throws `EndedEarly`, with code TIMEOUT, if the program has ended. */
export function mustRun({ status, output }: Program, named: string, before: string): void {
  if (status === undefined) return;
  const said = errorLine(output);
  const because = said ? `: ${said}` : '';
  throw new EndedEarly('TIMEOUT', `${named} exited with status ${status} before it ${before}${because}`);
}

function listensFor({ local }: Pick<SocketRow, 'local'>, wanted: Endpoint): boolean {
  return local.port === wanted.port && [wanted.address, '0.0.0.0', '::'].includes(local.address);
}
