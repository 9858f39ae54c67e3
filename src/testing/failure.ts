import type { Connection } from '../evidence/connection.ts';
import { Timeline } from '../evidence/timeline.ts';
import { reasonOf } from '../kernel/system-error.ts';
import { formatLadder } from '../report/terminal/ladder/ladder.ts';
import { styleFor } from '../report/terminal/style.ts';
import type { TestConnection } from './connection.ts';
import { keep } from './keep.ts';
import type { StateObservation } from './look.ts';
import { formatSockets } from './sockets-text.ts';

/** The message of a failed assertion: the actual state, the ladder diagram, both socket tables, and where the files are. */
export async function describeFailure(
  connection: TestConnection,
  observation: StateObservation,
  { not = false, test }: { not?: boolean; test?: string | undefined } = {},
): Promise<string> {
  const { lab } = connection;
  // The files need the counts of the rules. This also reads the socket table once more.
  await lab.count();
  const { host, wanted, state, tables, looks, fromMs, toMs } = observation;
  const timeline = new Timeline();
  for (const event of lab.timeline) timeline.add(event);
  timeline.add({ type: 'noted', atMs: fromMs, text: `the test expects ${wanted} on the ${host}` });
  const tried = looks === 1 ? 'read once' : `read ${looks} times in ${Math.round(toMs - fromMs)} ms`;
  const found = not ? `the ${host} is still in ${wanted}` : `the ${host} is in ${state}, not in ${wanted}`;
  return [
    `${found} (${tried})`,
    '',
    ladderOf(timeline, connection.endpoints).trimEnd(),
    '',
    ...(['client', 'server'] as const).map((each) => formatSockets(each, tables[each], timeline)),
    ...contradiction(observation),
    '',
    kept(connection, timeline, observation, nameFor(test)),
  ].join('\n');
}

export function ladderOf(timeline: Timeline, connection?: Connection): string {
  return formatLadder(timeline, { ascii: false, style: styleFor({}), connection });
}

/**
 * The socket table decides. If the segments suggest another state, the message reports that too: a timer may have ended the
 * connection, or a FIN may wait behind data.
 */
function contradiction({ host, state, bySegments }: StateObservation): string[] {
  if (bySegments === null || bySegments === state) return [];
  return [`the segments alone suggest that the ${host} is in ${bySegments}`];
}

function kept(
  connection: TestConnection,
  timeline: Timeline,
  observation: StateObservation,
  name: string,
): string {
  try {
    claim(timeline, connection, observation, name);
    const folder = keep(connection.lab, timeline, name);
    return `saved: ${folder}/timeline.ndjson (for tcplab replay --ladder) and packets.pcapng (for Wireshark)`;
  } catch (error) {
    // The message must survive a full disk or a folder that can't be written.
    return `could not save the timeline and packets: ${reasonOf(error)}`;
  }
}

/** Adds what the test claimed, as a scenario does, so that every reader of timelines can read it. */
function claim(
  timeline: Timeline,
  { lab, endpoints }: TestConnection,
  observation: StateObservation,
  scenario: string,
): void {
  const { host, wanted, fromMs, looks } = observation;
  const held = { host, state: wanted };
  timeline.add({
    type: 'claimed',
    atMs: fromMs,
    scenario,
    held,
    peer: null,
    connection: endpoints,
    reachedMs: 0,
  });
  timeline.add({ type: 'held', atMs: lab.nowMs(), fromMs, samples: looks + 1 });
}

/** The name of a scenario can be that of a file. */
function nameFor(test: string | undefined): string {
  const bare = (test ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 60);
  return bare.replace(/^-+|-+$/g, '') || 'test';
}
