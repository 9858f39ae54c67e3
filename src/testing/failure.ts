import type { Connection } from '../evidence/connection.ts';
import { Timeline } from '../evidence/timeline.ts';
import { formatLadder } from '../report/ladder/ladder.ts';
import { reasonOf } from '../report/reason.ts';
import { styleFor } from '../report/style.ts';
import type { TestConnection } from './connection.ts';
import { keep } from './keep.ts';
import type { Sighting } from './look.ts';
import { formatSockets } from './sockets-text.ts';

/** What is said of an assertion that failed: what was there instead, how it came to that, and where more is kept. */
export async function describeFailure(
  connection: TestConnection,
  sighting: Sighting,
  { not = false, test }: { not?: boolean; test?: string | undefined } = {},
): Promise<string> {
  const { lab } = connection;
  // Else the rules in the files would be without their counts. It is one more look besides.
  await lab.count();
  const { host, wanted, state, tables, looks, fromMs, toMs } = sighting;
  const timeline = new Timeline();
  for (const event of lab.timeline) timeline.add(event);
  timeline.add({ type: 'noted', atMs: fromMs, text: `the test looks for ${wanted} on the ${host}` });
  const tried = looks === 1 ? 'looked once' : `looked ${looks} times in ${Math.round(toMs - fromMs)} ms`;
  const found = not ? `the ${host} is still in ${wanted}` : `the ${host} is in ${state}, not in ${wanted}`;
  return [
    `${found} (${tried})`,
    '',
    ladderOf(timeline, connection.endpoints).trimEnd(),
    '',
    ...(['client', 'server'] as const).map((each) => formatSockets(each, tables[each], timeline)),
    ...contradiction(sighting),
    '',
    kept(connection, timeline, sighting, nameFor(test)),
  ].join('\n');
}

export function ladderOf(timeline: Timeline, connection?: Connection): string {
  return formatLadder(timeline, { ascii: false, style: styleFor({}), connection });
}

/**
 * The table is the kernel’s own word; but where the segments tell otherwise, that is worth knowing: a timer ended it, say,
 * or a FIN waits behind data.
 */
function contradiction({ host, state, bySegments }: Sighting): string[] {
  if (bySegments === null || bySegments === state) return [];
  return [`by its segments alone the ${host} would be in ${bySegments}`];
}

function kept(connection: TestConnection, timeline: Timeline, sighting: Sighting, name: string): string {
  try {
    claim(timeline, connection, sighting, name);
    const folder = keep(connection.lab, timeline, name);
    return `kept: ${folder}/timeline.ndjson (tcplab replay --ladder) and packets.pcapng (Wireshark)`;
  } catch (error) {
    // What the test is told must not be lost for that.
    return `nothing kept: ${reasonOf(error)}`;
  }
}

/** What the test claimed, in the words of a scenario: so all that reads timelines can read it. */
function claim(
  timeline: Timeline,
  { lab, endpoints }: TestConnection,
  sighting: Sighting,
  scenario: string,
): void {
  const { host, wanted, fromMs, looks } = sighting;
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

/** Scenarios have names that can be a file’s. */
function nameFor(test: string | undefined): string {
  const bare = (test ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 60);
  return bare.replace(/^-+|-+$/g, '') || 'test';
}
