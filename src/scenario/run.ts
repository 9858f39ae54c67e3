import { setTimeout as pause } from 'node:timers/promises';
import { TcplabError } from '../error.ts';
import { type Connection, endOf } from '../evidence/connection.ts';
import { otherHost } from '../evidence/events.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { stateInTable } from '../evidence/witness/socket-table.ts';
import { Lab, type Tables } from '../lab/lab.ts';
import type { Family } from '../tcp/endpoint.ts';
import type { Scenario, Stage } from './scenario.ts';
import type { Turn } from './turn.ts';

export interface RunOptions {
  family?: Family;
  /** How long the state is held, from when both ends have reached theirs. */
  holdMs?: number;
  /** How long it may take to reach them. */
  withinMs?: number;
  /** Shared by those that run side by side. */
  turn?: Turn;
  /** Something to do in mid-hold: a test's sabotage, say. */
  during?: (lab: Lab) => Promise<void>;
}

const DEFAULT_HOLD_MS = 100;
const DEFAULT_WITHIN_MS = 5000;

/** Brings a scenario into its state in a lab of its own, holds it, and gives the timeline of all that was seen. */
export async function runScenario(scenario: Scenario, options: RunOptions = {}): Promise<Timeline> {
  const pass = (await options.turn?.take()) ?? (() => {});
  try {
    await using lab = await Lab.open(options.family ? { family: options.family } : {});
    const reached = await reachState(lab, scenario, options.withinMs, pass);
    pass();
    if (reached) await hold(lab, scenario, options);
    await Promise.all([lab.client.countRules(), lab.server.countRules()]);
    return lab.timeline;
  } finally {
    pass();
  }
}

/**
 * Takes the lab to the scenario's state and puts the claim on its timeline, once the socket tables show both ends
 * where they should be. Gives the connection; undefined when it was not reached, which then is on the timeline.
 * Calls `onIdle` when all that is left to do is to wait for a timer of the kernel.
 */
export async function reachState(
  lab: Lab,
  scenario: Scenario,
  withinMs: number = DEFAULT_WITHIN_MS,
  onIdle: () => void = () => {},
): Promise<Connection | undefined> {
  const { held, peer } = scenario;
  const startMs = lab.nowMs();
  let last: Tables | undefined;
  let connection: Connection | undefined;
  try {
    const observe = async () => {
      last = await lab.observe();
      return last;
    };
    const stage = stageOf(lab, withinMs, observe, onIdle);
    connection = await scenario.reach(stage);
    await scenario.show?.(stage, connection);
    const heldEnd = endOf(connection, held.host, held.state);
    const peerEnd = endOf(connection, otherHost(held.host), peer);
    let reachedMs: number | undefined;
    await stage.waitFor(`${held.host} in ${held.state}, ${peerEnd.host} in ${peer}`, async () => {
      const tables = await observe();
      if (stateInTable(tables[held.host], heldEnd) === held.state) reachedMs ??= lab.nowMs() - startMs;
      return reachedMs !== undefined && stateInTable(tables[peerEnd.host], peerEnd) === peer;
    });
    const claim = { held, peer, connection, reachedMs: reachedMs ?? 0 };
    lab.timeline.add({ type: 'claimed', atMs: lab.nowMs(), scenario: scenario.id, ...claim });
    return connection;
  } catch (error) {
    if (!(error instanceof TcplabError) || error.code !== 'TIMEOUT') throw error;
    const why = `${error.message}${connection && last ? `; socket-table saw ${describeEnds(last, connection, scenario)}` : ''}`;
    lab.timeline.add({ type: 'gave-up', atMs: lab.nowMs(), scenario: scenario.id, held, why });
    return undefined;
  }
}

/** Looks at the state again and again until the time is over, or until it is gone. */
async function hold(lab: Lab, scenario: Scenario, options: RunOptions): Promise<void> {
  const claim = lab.timeline.of('claimed')[0];
  if (!claim) return;
  const { connection, held } = claim;
  const holdMs = options.holdMs ?? DEFAULT_HOLD_MS;
  const end = endOf(connection, held.host, held.state);
  const fromMs = claim.atMs;
  let samples = 1;
  let still = true;
  let during = options.during;
  const look = async () => {
    samples++;
    still = stateInTable((await lab.observe())[held.host], end) === held.state;
  };
  while (still && lab.nowMs() - fromMs < holdMs) {
    await pause(Math.min(Math.max(holdMs / 10, 5), 100));
    if (during && lab.nowMs() - fromMs >= holdMs / 2) {
      await during(lab);
      during = undefined;
    }
    await look();
  }
  await scenario.show?.(stageOf(lab), connection);
  await look();
  lab.timeline.add({ type: 'held', atMs: lab.nowMs(), fromMs, samples });
}

function stageOf(
  lab: Lab,
  withinMs = DEFAULT_WITHIN_MS,
  observe: Stage['observe'] = () => lab.observe(),
  onIdle?: () => void,
): Stage {
  return {
    client: lab.client,
    server: lab.server,
    nextClientEndpoint: () => lab.nextClientEndpoint(),
    serverEndpoint: () => lab.serverEndpoint(),
    nowMs: () => lab.nowMs(),
    note: (text) => lab.timeline.add({ type: 'noted', atMs: lab.nowMs(), text }),
    waitFor: (what, attempt) => lab.waitFor(what, attempt, withinMs, onIdle),
    observe,
  };
}

function describeEnds(tables: Tables, connection: Connection, { held, peer }: Scenario): string {
  const peerHost = otherHost(held.host);
  const heldState = stateInTable(tables[held.host], endOf(connection, held.host, held.state));
  const peerState = stateInTable(tables[peerHost], endOf(connection, peerHost, peer));
  return `${held.host} ${heldState}, ${peerHost} ${peerState}`;
}
