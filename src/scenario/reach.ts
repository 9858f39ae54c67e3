import { TcplabError } from '../error.ts';
import { type Connection, endOf } from '../evidence/connection.ts';
import { type HostName, otherHost } from '../evidence/events.ts';
import { foreignDrops } from '../evidence/foreign-drops.ts';
import { describeProgramEnd, programEnds } from '../evidence/program-ends.ts';
import { packetFoldOf } from '../evidence/segments.ts';
import { stateInTable } from '../evidence/witness/socket-table.ts';
import type { Lab, Tables } from '../lab/lab.ts';
import { keepingSettings, mustBeOurs, SettingConflict } from '../lab/settings.ts';
import { type Programs, programEnd } from './program-end.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';
import { EndedEarly } from './started-program.ts';

const DEFAULT_WITHIN_MS = 5000;

interface ReachOptions {
  /** How long each step may take, in milliseconds. */
  withinMs?: number | undefined;
  /** Called when all that is left to do is to wait for a timer of the kernel. */
  onIdle?: () => void;
  /** The programs that play an end in place of tcplab's own calls. */
  programs?: Programs | undefined;
}

/**
 * Brings the lab to the scenario's state and puts the claim on its timeline, once the socket tables show both ends in
 * their states. Returns the connection, or undefined if the state was not reached: then the timeline says why.
 */
export async function reachState(
  lab: Lab,
  scenario: Scenario,
  options: ReachOptions = {},
): Promise<Connection | undefined> {
  const { held, peer } = scenario;
  // What exists already is the start of the story.
  await lab.observe();
  const startMs = lab.nowMs();
  let last: Tables | undefined;
  let connection: Connection | undefined;
  try {
    const observe = async () => {
      last = await lab.observe();
      return last;
    };
    const stage = stageOf(lab, options, observe);
    connection = await scenario.reach(stage);
    await scenario.show?.(stage, connection);
    const heldEnd = endOf(connection, held.host, held.state);
    const peerEnd = endOf(connection, otherHost(held.host), peer);
    let reachedMs: number | undefined;
    const failure = `the ${held.host} was not seen in ${held.state} with the ${peerEnd.host} in ${peer}`;
    await stage.waitFor({ failure }, async () => {
      const tables = await observe();
      if (stateInTable(tables[held.host], heldEnd) === held.state) reachedMs ??= lab.nowMs() - startMs;
      return reachedMs !== undefined && stateInTable(tables[peerEnd.host], peerEnd) === peer;
    });
    const conditions = scenario.conditions?.length ? { conditions: [...scenario.conditions] } : {};
    const claim = { held, peer, connection, ...conditions, reachedMs: reachedMs ?? 0 };
    // The tables show what happened before, even where a remote clock is known only roughly.
    const atMs = Math.max(lab.nowMs(), lab.timeline.of('sockets').at(-1)?.atMs ?? 0);
    lab.timeline.add({ type: 'claimed', atMs, scenario: scenario.id, ...claim });
    return connection;
  } catch (error) {
    if (!(error instanceof TcplabError) || !isOutcome(error)) throw error;
    const reasons = [error.message];
    if (connection && last) reasons.push(`socket-table saw ${describeEnds(last, connection, scenario)}`);
    if (connection) reasons.push(...foreignDrops(lab.timeline, connection));
    if (!(error instanceof EndedEarly)) reasons.push(...programEnds(lab.timeline).map(describeProgramEnd));
    lab.timeline.add({
      type: 'gave-up',
      atMs: lab.nowMs(),
      scenario: scenario.id,
      held,
      why: reasons.join('; '),
    });
    return undefined;
  }
}

/** Whether the error means that a state was not reached, and not a fault of tcplab or the machine. */
function isOutcome(error: TcplabError): boolean {
  return error.code === 'TIMEOUT' || error instanceof SettingConflict;
}

/** What a scenario sees of a lab. */
export function stageOf(
  lab: Lab,
  { withinMs = DEFAULT_WITHIN_MS, onIdle, programs = {} }: ReachOptions = {},
  observe: Stage['observe'] = () => lab.observe(),
): Stage {
  const host = (name: HostName) => {
    const command = programs[name];
    if (command !== undefined) mustBeOurs(name, lab.settings);
    return command === undefined
      ? keepingSettings(lab.host(name), lab.settings)
      : programEnd(lab.host(name), command, lab, () => stage);
  };
  const stage: Stage = {
    client: host('client'),
    server: host('server'),
    nextClientEndpoint: () => lab.nextClientEndpoint(),
    serverEndpoint: () => lab.serverEndpoint(),
    serverPort: lab.serverPort,
    box: lab.box,
    hasPrograms: Object.keys(programs).length > 0,
    nowMs: () => lab.nowMs(),
    note: (text) => lab.timeline.add({ type: 'noted', atMs: lab.nowMs(), text }),
    waitFor: (what, attempt) => lab.waitFor(what, attempt, withinMs, onIdle),
    observe,
    fold: async (connection, host) => {
      await observe();
      return packetFoldOf(lab.timeline, connection, host).end;
    },
  };
  return stage;
}

function describeEnds(tables: Tables, connection: Connection, { held, peer }: Scenario): string {
  const peerHost = otherHost(held.host);
  const heldState = stateInTable(tables[held.host], endOf(connection, held.host, held.state));
  const peerState = stateInTable(tables[peerHost], endOf(connection, peerHost, peer));
  return `${held.host} ${heldState}, ${peerHost} ${peerState}`;
}
