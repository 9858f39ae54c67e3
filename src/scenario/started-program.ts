import { TcplabError } from '../error.ts';
import type { Host } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';
import { type Program, tellingLine } from '../lab/program.ts';
import { type Endpoint, formatEndpoint } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { Stage } from './scenario.ts';

/** The command as it is for this lab: {port}, {server} and {client} stand for the server's port and the addresses. */
export function commandIn(lab: Lab, command: string): string {
  const words = { port: lab.serverPort, server: lab.server.address, client: lab.client.address };
  return command.replace(/\{(port|server|client)\}/g, (_, word: keyof typeof words) => String(words[word]));
}

/** How it is called in messages. */
export function nameOf(host: Host, command: string): string {
  return `the program of the ${host.name} (${command})`;
}

/** Starts a program and waits until it listens on the lab's port, by the socket table. TIMEOUT says what it does instead. */
export async function startListening(
  lab: Lab,
  host: Host,
  command: string,
  waitFor: Stage['waitFor'],
): Promise<Program> {
  const local = lab.serverEndpoint();
  const named = nameOf(host, command);
  const program = await host.start(commandIn(lab, command));
  let listeners: SocketRow[] = [];
  try {
    await waitFor(`${named} to listen on port ${local.port}`, async () => {
      listeners = (await host.observe()).filter(({ state }) => state === 'LISTEN');
      if (listeners.some((row) => listensFor(row, local))) return true;
      mustRun(program, named, `listened on port ${local.port}`);
      return false;
    });
  } catch (error) {
    if (!(error instanceof TcplabError) || listeners.length === 0) throw error;
    const elsewhere = listeners.map((row) => formatEndpoint(row.local)).join(', ');
    throw new TcplabError(error.code, `${error.message}; it listens on ${elsewhere}`);
  }
  return program;
}

/** Throws TIMEOUT when it has ended, with the last that it said. */
export function mustRun(program: Program, named: string, before: string): void {
  if (program.status === undefined) return;
  const said = tellingLine(program.output);
  const because = said ? `: ${said}` : '';
  throw new TcplabError(
    'TIMEOUT',
    `${named} ended with status ${program.status} before it ${before}${because}`,
  );
}

function listensFor({ local }: SocketRow, wanted: Endpoint): boolean {
  return local.port === wanted.port && [wanted.address, '0.0.0.0', '::'].includes(local.address);
}
