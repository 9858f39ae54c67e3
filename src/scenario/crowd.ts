import { setImmediate as turn } from 'node:timers/promises';
import { TcplabError } from '../error.ts';
import { otherHost } from '../evidence/events.ts';
import type { Slice } from '../kernel/socket-batch.ts';
import type { Crowd, CrowdPart } from '../lab/crowd.ts';
import type { CrowdEnd } from '../lab/crowd-end.ts';
import { until } from '../lab/until.ts';
import type { State } from '../tcp/state.ts';
import type { CrowdPlan } from './crowd-plan.ts';
import type { CrowdStep } from './crowd-steps.ts';

/** What the socket tables show of a crowd. */
export interface CrowdLook {
  /** In the state that is held, at the end that is held. */
  inState: number;
  /** The peers that are in the peer's state. Null if the peer is a single listener. */
  peersInState: number | null;
  /** Where the others of the held end are; null when there are none. */
  others: readonly { state: State; count: number }[] | null;
}

const DEFAULT_WITHIN_MS = 5000;

interface MakeOptions {
  /** How long each thing that is waited for may take. */
  withinMs?: number;
  /** Stops it. */
  isOver: () => boolean;
  onSlice: (made: number, perSecond: number) => void;
}

/** How a crowd was made. */
export interface Made {
  made: number;
  /** For the calls, and what was waited for between them. */
  tookMs: number;
  /** Why not all connections are held. */
  because: string | null;
}

/** Makes the calls for all connections. `untilReached` waits for the state. */
export async function makeCrowd(
  crowd: Crowd,
  part: CrowdPart,
  plan: CrowdPlan,
  { isOver, onSlice, withinMs = DEFAULT_WITHIN_MS }: MakeOptions,
): Promise<Made> {
  const { steps, count, most, slice: size } = plan;
  const isQueued = !steps.some((step) => step.do === 'accept');
  const listens = !steps.some((step) => step.do === 'connect' && step.at === 'server');
  // A half-full queue already makes the kernel give up requests sooner (net/ipv4/inet_connection_sock.c).
  if (listens) part.server.listen(isQueued ? Math.max(size * 4, count * 4) : size * 4);
  const { held } = plan.scenario;
  if (held.state === 'SYN-RECEIVED') part.server.host.loseSilently(count);
  for (const { host } of [part.client, part.server]) host.admitTimeWaits(count * 2);
  if (held.state === 'TIME-WAIT') part[held.host].host.ignoreResetsInTimeWait();
  const startMs = performance.now();
  let made = 0;
  const tookMs = () => performance.now() - startMs;
  while (made < count) {
    if (isOver()) return { made, tookMs: tookMs(), because: `stopped after ${made} of ${count}` };
    const slice = { from: made, to: Math.min(count, made + size) };
    crowd.makeRoom((slice.to - slice.from) * most);
    try {
      for (const step of steps) await take(part, step, slice, withinMs);
    } catch (error) {
      if (!(error instanceof TcplabError) || error.code !== 'TIMEOUT') throw error;
      return { made, tookMs: tookMs(), because: `with ${made} of ${count} made, ${error.message}` };
    }
    made = slice.to;
    onSlice(made, (made / tookMs()) * 1000);
    if (made < count) await turn();
  }
  return { made, tookMs: tookMs(), because: null };
}

async function take(part: CrowdPart, step: CrowdStep, slice: Slice, withinMs: number): Promise<void> {
  const size = slice.to - slice.from;
  switch (step.do) {
    case 'connect':
    case 'shutdown':
    case 'close':
    case 'abort':
      part[step.at][step.do](slice);
      break;
    case 'send':
      part[step.at].send(slice, Buffer.from(step.data));
      break;
    case 'accept':
      await untilAll('the server did not accept a connection', withinMs, slice, (rest) =>
        part.server.accept(rest),
      );
      break;
    case 'receive':
      await untilAll(`the ${step.at} did not receive the data`, withinMs, slice, (rest) =>
        part[step.at].receive(rest),
      );
      break;
    case 'drop':
      part[step.at].drop(step.hook, slice);
      break;
    case 'lift':
      part.client.lift();
      part.server.lift();
      break;
    case 'see':
      await until(
        { failure: `the ${step.at} was not seen in ${step.state}` },
        withinMs,
        () => part[step.at].countIn(step.state, slice) === size,
      );
      break;
  }
}

/** Repeats `call` until it has done the whole slice; each call returns where it stopped. */
async function untilAll(
  failure: string,
  withinMs: number,
  { from, to }: Slice,
  call: (rest: Slice) => number,
): Promise<void> {
  let next = from;
  await until({ failure }, withinMs, () => {
    next = call({ from: next, to });
    return next === to;
  });
}

/** Looks once at both socket tables. */
export function lookAtCrowd(part: CrowdPart, { scenario: { held, peer } }: CrowdPlan): CrowdLook {
  const { count } = part;
  const inState = countedIn(part[held.host], held.state, count);
  const peersInState = peer === 'LISTEN' ? null : countedIn(part[otherHost(held.host)], peer, count);
  return { inState, peersInState, others: null };
}

/** The same, and where those are that are not in the state. */
export function lookAtOthers(part: CrowdPart, plan: CrowdPlan, look: CrowdLook): CrowdLook {
  const { held } = plan.scenario;
  if (look.inState === part.count) return look;
  const found = part[held.host].countAll({ from: 0, to: part.count });
  const others = [...found].map(([state, count]) => ({ state, count }));
  return { ...look, others: others.filter(({ state }) => state !== held.state) };
}

/** When rows leave the table while it is read, the kernel may pass over others: so too few are counted once more. */
function countedIn(end: CrowdEnd, state: State, count: number): number {
  const all = { from: 0, to: count };
  const first = end.countIn(state, all);
  return first === count ? first : Math.max(first, end.countIn(state, all));
}

/** To read a table once takes so long, at most. */
const READ_MS_A_CONNECTION = 0.02;

/** Waits until the tables show all of them where they should be. Gives the last look, and whether it did. */
export async function untilReached(
  part: CrowdPart,
  plan: CrowdPlan,
  withinMs: number = DEFAULT_WITHIN_MS + plan.count * READ_MS_A_CONNECTION,
): Promise<{ look: CrowdLook; reached: boolean }> {
  const { scenario, count } = plan;
  let look = lookAtCrowd(part, plan);
  const isThere = () => {
    look = lookAtCrowd(part, plan);
    if (look.inState !== count) return false;
    if (look.peersInState !== null) return look.peersInState === count;
    return part[otherHost(scenario.held.host)].listensAlone({ from: 0, to: count });
  };
  try {
    await until({ failure: 'not all were in their states' }, withinMs, isThere);
    return { look, reached: true };
  } catch (error) {
    if (!(error instanceof TcplabError) || error.code !== 'TIMEOUT') throw error;
    return { look: lookAtOthers(part, plan, look), reached: false };
  }
}
