import { arch, release } from 'node:os';
import { type RunStarted, TIMELINE_FORMAT } from '../evidence/events.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { VERSION } from '../evidence/version.ts';
import { currentPrivilege } from '../kernel/privileges.ts';
import { formatByHand } from '../report/by-hand/format.ts';
import { formatHtml } from '../report/html/html.ts';
import { RunPage } from '../report/html/run.ts';
import { formatPcapng } from '../report/pcapng/pcapng.ts';
import { RunFold } from '../report/run-fold.ts';
import { TimelineWriter } from '../report/timeline-file/write.ts';
import type { CatalogueScenario, Scenario } from '../scenario/scenario.ts';
import type { LiveLab } from './live-lab.ts';

/** What can be saved of a lab, as it is by now. */

interface Download {
  type: string;
  make: (timeline: Timeline, scenario: Scenario) => string | Buffer;
}

const DOWNLOADS: ReadonlyMap<string, Download> = new Map([
  ['timeline.ndjson', { type: 'application/x-ndjson', make: savedTimeline }],
  [
    'packets.pcapng',
    {
      type: 'application/vnd.tcpdump.pcap',
      make: (timeline, scenario) => formatPcapng(timeline, runStarted(timeline, scenario)),
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

/** As `tcplab run --timeline` saves it, so that `tcplab replay` reads it. */
function savedTimeline(timeline: Timeline, scenario: Scenario): string {
  const writer = new TimelineWriter();
  return (
    writer.start(runStarted(timeline, scenario)) + writer.lab(timeline) + writer.end(durationOf(timeline))
  );
}

function htmlReport(timeline: Timeline, scenario: Scenario): string {
  const started = runStarted(timeline, scenario);
  const page = new RunPage(started);
  const fold = new RunFold(started, [{ lab: (lab) => page.add(lab) }]);
  fold.lab(0, timeline);
  return formatHtml(page.end(fold.end(durationOf(timeline))));
}

function durationOf(timeline: Timeline): number {
  return [...timeline].at(-1)?.atMs ?? 0;
}

function runStarted(timeline: Timeline, { id, heldBy }: Scenario): RunStarted {
  const privilege = currentPrivilege() === 'root' ? 'root' : 'user-namespace';
  return {
    type: 'run-started',
    format: TIMELINE_FORMAT,
    tool: { name: 'tcplab', version: VERSION },
    machine: { kernel: release(), arch: arch(), privilege },
    startedAt: timeline.of('lab-opened')[0]?.startedAt ?? new Date().toISOString(),
    scenarios: [{ id, heldBy }],
    repeat: 1,
  };
}

/** How a person gets there: by tcplab, with the rules of this lab, and by hand on two machines. */
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
