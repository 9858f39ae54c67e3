import type { RunStarted } from '../evidence/events.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { currentPrivilege } from '../kernel/privileges.ts';
import { formatPcapng } from '../report/files/pcapng/pcapng.ts';
import { savedTimeline } from '../report/files/timeline/write.ts';
import { formatByHand } from '../report/guide/by-hand/format.ts';
import { formatHtml } from '../report/pages/html.ts';
import { RunPage } from '../report/pages/run.ts';
import { RunFold } from '../report/story/run-fold.ts';
import { labStarted } from '../report/story/run-started.ts';
import type { CatalogueScenario, Scenario } from '../scenario/scenario.ts';
import type { LiveLab } from './live-lab.ts';

/** What can be saved of a lab, as it is by now. */

interface Download {
  type: string;
  make: (timeline: Timeline, scenario: Scenario) => string | Buffer;
}

const DOWNLOADS: ReadonlyMap<string, Download> = new Map([
  [
    'timeline.ndjson',
    {
      type: 'application/x-ndjson',
      // As `tcplab run --timeline` saves it, so that `tcplab replay` reads it.
      make: (timeline, scenario) =>
        savedTimeline(started(timeline, scenario), timeline, durationOf(timeline)),
    },
  ],
  [
    'packets.pcapng',
    {
      type: 'application/vnd.tcpdump.pcap',
      make: (timeline, scenario) => formatPcapng(timeline, started(timeline, scenario)),
    },
  ],
  ['report.html', { type: 'text/html; charset=utf-8', make: htmlReport }],
  ['commands.txt', { type: 'text/plain; charset=utf-8', make: commands }],
]);

export function downloadNamed(name: string): Download | undefined {
  return DOWNLOADS.get(name);
}

export async function contentOf({ make }: Download, live: LiveLab): Promise<string | Buffer> {
  return make(await live.recorded(), live.scenario);
}

function htmlReport(timeline: Timeline, scenario: Scenario): string {
  const run = started(timeline, scenario);
  const page = new RunPage(run);
  const fold = new RunFold(run, [{ lab: (lab) => page.add(lab) }]);
  fold.lab(0, timeline);
  return formatHtml(page.end(fold.end(durationOf(timeline))));
}

function durationOf(timeline: Timeline): number {
  return [...timeline].at(-1)?.atMs ?? 0;
}

function started(timeline: Timeline, scenario: Scenario): RunStarted {
  return labStarted(timeline, currentPrivilege(), scenario);
}

/** How to reach the state: with tcplab, with this lab's rules, and manually on two machines. */
function commands(timeline: Timeline, scenario: Scenario | CatalogueScenario): string {
  const { id, title } = scenario;
  const recipe = 'byHand' in scenario ? scenario.byHand : null;
  const rules = timeline
    .of('rule-set')
    .flatMap(({ host, nft, iptables, text }) => ['', `# on the ${host}: ${text}`, nft, `# or: ${iptables}`]);
  return [
    `# ${id}: ${title}`,
    `tcplab hold ${id}`,
    ...(rules.length > 0 ? ['', '# The rules that were set'] : []),
    ...rules,
    ...(recipe ? ['', '# The same with nc and iptables, on two machines', '', formatByHand(recipe)] : []),
    '',
  ].join('\n');
}
