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
  // Else what is printed of the rules would be without their counts.
  await lab.count();
  const { host, wanted, state, tables, looks, fromMs, toMs } = sighting;
  const timeline = claimed(connection, sighting, nameFor(test));
  const lookedMs = Math.round(toMs - fromMs);
  const times = looks === 1 ? 'looked once' : `looked ${looks} times in ${lookedMs} ms`;
  const verdict = not ? `the ${host} is still in ${wanted}` : `the ${host} is in ${state}, not in ${wanted}`;
  return [
    `${verdict} (${times})`,
    '',
    ladderOf(timeline).trimEnd(),
    '',
    formatSockets('client', tables.client, timeline) +
      formatSockets('server', tables.server, timeline).trimEnd(),
    ...contradictions(sighting),
    '',
    kept(connection, timeline, nameFor(test)),
  ].join('\n');
}

export function ladderOf(timeline: Timeline): string {
  return formatLadder(timeline, { ascii: false, style: styleFor({ isTTY: false }) });
}

/** The table is the kernel’s own word; but where segments tell otherwise, that is worth knowing. */
function contradictions({ host, state, others }: Sighting): string[] {
  return others
    .filter(({ states }) => states.length > 0 && !states.includes(state))
    .map(
      ({ witness, states }) =>
        `but by the ${witness === 'packets' ? 'segments' : 'kernel’s events'} alone the ${host} would be in ${states.join(' or ')}`,
    );
}

/** The timeline with what the test claimed, in the words of a scenario, so that all that reads timelines can read it. */
function claimed(
  connection: TestConnection,
  { host, wanted, fromMs, toMs, looks }: Sighting,
  scenario: string,
): Timeline {
  const timeline = new Timeline();
  for (const event of connection.lab.timeline) timeline.add(event);
  const held = { host, state: wanted };
  timeline.add({
    type: 'claimed',
    atMs: fromMs,
    scenario,
    held,
    peer: null,
    connection: connection.endpoints,
    reachedMs: 0,
  });
  timeline.add({ type: 'held', atMs: toMs, fromMs, samples: looks });
  return timeline;
}

function kept(connection: TestConnection, timeline: Timeline, name: string): string {
  try {
    const folder = keep(connection.lab, timeline, name);
    return `kept: ${folder}/timeline.ndjson (tcplab replay --ladder) and packets.pcapng (Wireshark)`;
  } catch (error) {
    // What the test is told must not be lost for that.
    return `nothing kept: ${reasonOf(error)}`;
  }
}

/** Scenarios have names that can be a file’s. */
function nameFor(test: string | undefined): string {
  const bare = (test ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 60);
  return bare.replace(/^-+|-+$/g, '') || 'test';
}
