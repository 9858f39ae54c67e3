import { endOf } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { listenerOf, rowOf } from '../evidence/witness/socket-table.ts';
import { CATALOGUE } from '../scenario/catalogue.ts';
import { formatEndpoint } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';
import { parseSysctls } from '../tcp/sysctls.ts';
import { formatByHand } from './by-hand/format.ts';
import { byHand } from './by-hand/recipes.ts';
import { explainState } from './explain.ts';
import { formatLadder } from './ladder/ladder.ts';
import { pad } from './layout.ts';
import { timerLines } from './status.ts';
import { styleFor } from './style.ts';

/** The page on a state under docs/states: what `explain` says of it, and each of its scenarios as it was seen to run. */
export function statePage(state: State, timelines: readonly Timeline[]): string {
  const [summary, ...sections] = explainState(state, KERNEL_DEFAULTS);
  const scenarios = timelines.filter((timeline) => timeline.of('claimed')[0]?.held.state === state);
  return [
    `# ${state}`,
    GENERATED,
    fenced(summary?.text ?? ''),
    ...sections.map(
      ({ title, text }) => `## ${title.replace('On this machine', 'By default')}\n\n${fenced(text)}`,
    ),
    ...scenarios.map(scenarioPart),
  ]
    .join('\n\n')
    .concat('\n');
}

const GENERATED =
  '<!-- Made by `npm run docs` from docs/states/recorded.ndjson, a run on a real kernel. Do not edit. -->';

/** The numbers on the pages are those of a kernel whose settings nobody has touched; `tcplab explain` tells your own. */
const KERNEL_DEFAULTS = parseSysctls(() => undefined);

function scenarioPart(timeline: Timeline): string {
  const claim = timeline.of('claimed')[0];
  const scenario = CATALOGUE.find(({ id }) => id === claim?.scenario);
  if (!claim || !scenario) throw new Error('the recorded run holds a scenario that is not in the catalogue');
  const tables = (['client', 'server'] as const).map((host) => tablePart(timeline, host));
  const recipe = byHand(scenario.id);
  return [
    `## \`${scenario.id}\``,
    `${capital(scenario.title)}. See it: \`tcplab hold ${scenario.id}\`.`,
    '### As it was seen',
    fenced(formatLadder(timeline, { ascii: false, style: styleFor({}) })),
    '### Both socket tables, and the timers',
    fenced(tables.join('\n\n')),
    ...(recipe ? ['### By hand', fenced(formatByHand(recipe))] : []),
  ].join('\n\n');
}

/** A host's rows as they were last seen, as `ss -tan` would list them, and what the held connection's timer will do. */
function tablePart(timeline: Timeline, host: HostName): string {
  const rows = timeline.of('sockets').findLast((event) => event.host === host)?.rows ?? [];
  const claim = timeline.of('claimed')[0];
  const state = claim?.held.host === host ? claim.held.state : claim?.peer;
  const end = claim && endOf(claim.connection, host, state ?? 'CLOSED');
  const own = end && (rowOf(rows, end) ?? (end.listening ? listenerOf(rows, end) : undefined));
  const lines = rows.flatMap((row) => [
    rowLine(row),
    ...(row === own ? timerLines(row, KERNEL_DEFAULTS) : []),
  ]);
  return [`${host}: ${rows.length === 0 ? 'no sockets' : ''}`.trim(), ...lines].join('\n');
}

function rowLine({ state, receiveQueue, sendQueue, local, remote }: SocketRow): string {
  const peer = remote.port === 0 ? '*' : formatEndpoint(remote);
  const queues = pad(`Recv-Q ${receiveQueue} Send-Q ${sendQueue}`, 20);
  return `${pad(state, 13)}${queues}${pad(formatEndpoint(local), 20)}${peer}`.trimEnd();
}

function fenced(text: string): string {
  return `\`\`\`text\n${text.trimEnd()}\n\`\`\``;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
