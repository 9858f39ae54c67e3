import type { HostName } from '../report/pages/view-model.ts';
import { ARCS, type Trigger } from '../tcp/arcs.ts';
import type { State } from '../tcp/state.ts';
import type { ActRequest, LabMessage, SocketView } from '../ui/model.ts';

/** Something to do next, and what it leads to. */
export interface Try {
  text: string;
  leads: string;
  request: ActRequest;
}

const MOST = 4;

/** What is worth trying now: changes of state first. Each is possible, and the kernel decides what comes of it. */
export function triesOf(message: LabMessage): Try[] {
  const { sockets, hosts, view } = message;
  const shown = message.connections.find(({ isShown }) => isShown);
  const isShown = ({ host, local, remote }: SocketView) =>
    remote !== '*' &&
    shown !== undefined &&
    shown[host] === local &&
    shown[host === 'client' ? 'server' : 'client'] === remote;
  const own = sockets.filter(isShown);
  const tries: Try[] = [];
  for (const { number, host, hook, liftedMs, text } of view.rules) {
    if (liftedMs !== null) continue;
    tries.push({
      text: `Remove rule ${number}`,
      leads: `what \`${text}\` stopped gets through: ${afterRule(message, host, hook) ?? 'watch what comes next'}`,
      request: { act: 'lift-rule', host, rule: number },
    });
  }
  for (const socket of own) tries.push(...triesOfSocket(socket));
  if (
    view.rules.every(({ liftedMs }) => liftedMs !== null) &&
    own.every(({ state }) => state === 'ESTABLISHED') &&
    own.length === 2
  )
    tries.splice(1, 0, {
      text: 'Drop FINs on their way to the server',
      leads: 'then close the client: it stays in FIN-WAIT-1',
      request: { act: 'set-rule', host: 'server', hook: 'in', flags: 'F', fate: 'drop' },
    });
  for (const listener of sockets)
    if (listener.state === 'LISTEN' && listener.acts.accept === null)
      tries.push({
        text: `Accept on the ${listener.host}`,
        leads: 'the first connection of the queue gets a descriptor',
        request: { act: 'accept', host: listener.host, socket: listener.socket },
      });
  if (tries.length < 2 && hosts.client.connect === null)
    tries.push({
      text: 'Open a new connection',
      leads:
        hosts.server.listen === null ? 'nothing listens: the kernel replies with RST' : 'SYN, SYN-ACK, ACK',
      request: { act: 'connect', host: 'client' },
    });
  if (hosts.server.listen === null)
    tries.push({
      text: 'Listen on the server',
      leads: 'CLOSED → LISTEN',
      request: { act: 'listen', host: 'server' },
    });
  return tries.slice(0, MOST);
}

function triesOfSocket({ host, socket, state, acts }: SocketView): Try[] {
  const tries: Try[] = [];
  const of = (act: 'close' | 'reset' | 'shutdown' | 'receive', text: string, leads: string) => {
    if (acts[act] === null) tries.push({ text, leads, request: { act, host, socket } });
  };
  const hasUnread = acts.receive === null;
  if (hasUnread) of('receive', `Receive on the ${host}`, 'empties its receive queue and opens the window');
  // net/ipv4/tcp.c, __tcp_close: data that nobody will read is answered with RST.
  const closed =
    hasUnread && state !== 'SYN-SENT' ? 'CLOSED, with RST: data is unread' : nextOf(state, 'close');
  if (closed !== undefined) of('close', `Close the ${host}’s end`, `${state} → ${closed}`);
  if (acts.send === null)
    tries.push({
      text: `Send 100 bytes from the ${host}`,
      leads: 'they wait in the peer’s receive queue',
      request: { act: 'send', host, socket, octets: 100 },
    });
  return tries;
}

/** Where a call takes a connection, by RFC 9293's table. */
function nextOf(state: State, trigger: Trigger): State | undefined {
  return ARCS.find((arc) => arc.from === state && arc.trigger === trigger && !arc.refusal)?.to;
}

/** What the end that waits for an answer goes to, once it gets one. */
const AFTER: Partial<Record<State, State>> = {
  'SYN-SENT': 'ESTABLISHED',
  'SYN-RECEIVED': 'ESTABLISHED',
  'FIN-WAIT-1': 'FIN-WAIT-2',
  CLOSING: 'TIME-WAIT',
  'LAST-ACK': 'CLOSED',
};

function afterRule({ connections }: LabMessage, host: HostName, hook: 'in' | 'out'): string | undefined {
  const sender: HostName = hook === 'out' ? host : host === 'client' ? 'server' : 'client';
  const ends = connections.find(({ isShown }) => isShown)?.ends ?? [];
  const end =
    ends.find((one) => one.host === sender && AFTER[one.state]) ?? ends.find((one) => AFTER[one.state]);
  return end && `${end.host} ${end.state} → ${AFTER[end.state]}, unless something else holds it`;
}
