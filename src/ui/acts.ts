import { SystemError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import type { Host } from '../lab/host.ts';
import type { Lab, Tables } from '../lab/lab.ts';
import type { Rule } from '../lab/rule.ts';
import { formatEndpoint } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';
import type { HostActs, LabAct, SocketAct, SocketView, WhyNot } from './model.ts';
import { Refusal } from './refusal.ts';

/** What can be done in a lab now, and the doing of it. Whether it succeeds, the kernel decides. */

const MOST_SOCKETS = 64;
const MOST_RULES = 64;
const BACKLOG = 5;

/** The sockets that tcplab's own calls have open, as the table shows them. */
export async function openSockets(lab: Lab, tables: Tables): Promise<SocketView[]> {
  const views: SocketView[] = [];
  for (const host of [lab.client, lab.server]) {
    for (const { socket, inode } of await host.openSockets()) {
      const row = tables[host.name].find((row) => row.inode === inode);
      const remote = row && row.remote.port !== 0 ? formatEndpoint(row.remote) : '*';
      views.push({
        ...{ host: host.name, socket, remote, state: row?.state ?? 'CLOSED' },
        local: formatEndpoint(row?.local ?? (await host.localEndpoint(socket))),
        acts: socketActs(row),
      });
    }
  }
  return views;
}

function socketActs(row: SocketRow | undefined): Record<SocketAct, WhyNot> {
  const state = row?.state ?? 'CLOSED';
  const waiting = row?.receiveQueue ?? 0;
  const listens = state === 'LISTEN';
  const only = (states: readonly State[]) =>
    states.includes(state) ? null : `not possible in ${state}, only in ${states.join(' and ')}`;
  return {
    close: null,
    reset: listens || state === 'CLOSED' ? `there is no connection to reset in ${state}` : null,
    shutdown: only(['ESTABLISHED', 'CLOSE-WAIT']),
    send: only(['ESTABLISHED', 'CLOSE-WAIT']),
    receive: !listens && waiting > 0 ? null : 'nothing has come that is not yet read',
    accept: listens ? (waiting > 0 ? null : 'the accept queue is empty') : 'it is no listener',
  };
}

export function hostActs(lab: Lab, tables: Tables): Record<HostName, HostActs> {
  const destroyable = (host: HostName) =>
    tables[host]
      .filter(({ state }) => state !== 'LISTEN')
      .map(({ state, local, remote }) => ({
        ...{ state, local: formatEndpoint(local), remote: formatEndpoint(remote) },
      }));
  const listens = tables.server.some(({ state }) => state === 'LISTEN');
  return {
    client: {
      connect:
        lab.clientPortsLeft > 0 ? null : 'the client has used all of its ports in this lab: start a new lab',
      listen: 'the client connects; the server listens',
      destroyable: destroyable('client'),
    },
    server: {
      connect: 'the server listens; the client connects',
      listen: listens ? 'it is already listening' : null,
      destroyable: destroyable('server'),
    },
  };
}

/** Performs an action. Throws a Refusal if its object does not exist, and the kernel's own error if the kernel rejects it. */
export async function perform(lab: Lab, request: LabAct, tables: Tables): Promise<void> {
  const host = lab.host(request.host);
  switch (request.act) {
    case 'connect':
      return connect(lab);
    case 'listen':
      return listen(lab);
    case 'set-rule':
      return setRule(lab, request);
    case 'lift-rule':
      if (!isSet(lab, request.rule, request.host))
        throw new Refusal(409, `the ${host.name} has no rule ${request.rule}`);
      return host.liftRule(request.rule);
    case 'destroy':
      return destroy(host, tables[request.host], request);
    case 'run':
      await host.start(request.command);
      return;
    default:
      return onSocket(host, request);
  }
}

async function onSocket(host: Host, request: Extract<LabAct, { socket: number }>): Promise<void> {
  const { act, socket } = request;
  if (!(await host.openSockets()).some((open) => open.socket === socket)) {
    throw new Refusal(409, `the ${host.name} has no open socket ${socket}: it is already closed`);
  }
  switch (act) {
    case 'close':
      return host.close(socket);
    case 'shutdown':
      return host.shutdown(socket);
    case 'reset':
      return host.abort(socket);
    case 'send':
      await host.send(socket, Buffer.alloc(request.octets, 'tcplab '));
      return;
    case 'receive':
      await host.receive(socket);
      return;
    case 'accept':
      if ((await host.accept(socket)) === undefined) throw new Refusal(409, 'the accept queue is empty');
  }
}

async function connect(lab: Lab): Promise<void> {
  await refuseTooMany(lab.client);
  if (lab.clientPortsLeft === 0)
    throw new Refusal(409, 'the client has used all of its ports in this lab: start a new lab');
  const socket = await lab.client.openSocket();
  await lab.client.bind(socket, lab.nextClientEndpoint());
  await lab.client.connect(socket, lab.serverEndpoint());
}

async function listen(lab: Lab): Promise<void> {
  await refuseTooMany(lab.server);
  const socket = await lab.server.openSocket();
  try {
    // What is left of earlier connections has the port as well.
    await lab.server.setOption(socket, 'SO_REUSEADDR', 1);
    await lab.server.bind(socket, lab.serverEndpoint());
    await lab.server.listen(socket, BACKLOG);
  } catch (error) {
    await lab.server.close(socket);
    throw error;
  }
}

async function refuseTooMany(host: Host): Promise<void> {
  if ((await host.openSockets()).length < MOST_SOCKETS) return;
  throw new Refusal(409, `the ${host.name} has ${MOST_SOCKETS} sockets open: close some first`);
}

/** Of the port that the lab's connections go to, in the direction meant. */
async function setRule(lab: Lab, request: Extract<LabAct, { act: 'set-rule' }>): Promise<void> {
  const { host, hook, flags, fate } = request;
  const set = lab.timeline.of('rule-set').length - lab.timeline.of('rule-lifted').length;
  if (set >= MOST_RULES) throw new Refusal(409, `${MOST_RULES} rules are set: remove some first`);
  const toServer = (host === 'server') === (hook === 'in');
  const ports: Pick<Rule, 'destinationPort' | 'sourcePort'> = toServer
    ? { destinationPort: lab.serverPort }
    : { sourcePort: lab.serverPort };
  await lab.host(host).setRule({ hook, ...ports, ...(flags ? { flags } : {}), fate });
}

function isSet(lab: Lab, rule: number, host: HostName): boolean {
  const isIts = (event: { rule: number; host: HostName }) => event.rule === rule && event.host === host;
  return lab.timeline.of('rule-set').some(isIts) && !lab.timeline.of('rule-lifted').some(isIts);
}

async function destroy(
  host: Host,
  rows: readonly SocketRow[],
  { local, remote }: Extract<LabAct, { act: 'destroy' }>,
): Promise<void> {
  const row = rows.find(
    (row) => formatEndpoint(row.local) === local && formatEndpoint(row.remote) === remote,
  );
  if (!row || row.state === 'LISTEN')
    throw new Refusal(409, `the ${host.name} has no connection ${local} ${remote}`);
  try {
    await host.destroySocket(row.local, row.remote);
  } catch (error) {
    if (!(error instanceof SystemError) || error.errno !== 'ENOENT') throw error;
    throw new Refusal(409, `the connection ${local} ${remote} of the ${host.name} has just ended`);
  }
}
