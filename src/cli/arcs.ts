import type { Command } from 'commander';
import type { Timeline } from '../evidence/timeline.ts';
import { isUnexplained } from '../evidence/transitions.ts';
import type { FirewallKind } from '../lab/firewall.ts';
import type { Origin } from '../report/pages/lab.ts';
import { TOOL, thisMachine, witnessesWith } from '../report/story/run-started.ts';
import { ARCS_FORMAT, type ArcsReport, arcReport, formatArcs } from '../report/terminal/arcs-report.ts';
import { styleFor } from '../report/terminal/style.ts';
import { type ArcResult, drives, judgeArc, particularitiesOf, transitionsOf } from '../scenario/arcs.ts';
import type { Family } from '../tcp/endpoint.ts';
import { parseCount } from './arguments.ts';
import { newCommand } from './commands.ts';
import { EXIT } from './exit.ts';
import { helpEnd, OPTION_GROUPS } from './help.ts';
import {
  ABOUT_HOSTS,
  addHostOptions,
  addLabOptions,
  type EndOptions,
  isOwnFailure,
  jobsOf,
  openHosts,
} from './host-options.ts';
import { OutputFile } from './output-file.ts';
import { refuseSameFile } from './same-file.ts';
import { runSideBySide } from './side-by-side.ts';

interface Options extends EndOptions {
  json?: boolean;
  report?: string;
  slow?: boolean;
  ipv6?: boolean;
  firewall: FirewallKind;
  jobs: number;
}

export function arcsCommand(): Command {
  const command = newCommand('arcs')
    .alias('transitions')
    .description(
      'Prove each transition between two states (RFC 9293, 3.3.2) with a scenario of its own. A transition is proven ' +
        'if the end took it by the expected trigger, and two witnesses report the state that it led to.',
    )
    .option('--slow', 'slow transitions too, which take about 1 min')
    .option('--jobs <n>', 'number of labs at a time', parseCount, 40)
    .option('--json', 'JSON on standard output (schema/arcs.schema.json)')
    .option('--report <file>', 'HTML report in one file');
  addHostOptions(command.optionsGroup(OPTION_GROUPS.lab), { programs: false });
  return addLabOptions(command)
    .addHelpText(
      'after',
      helpEnd(
        [
          'tcplab arcs',
          'tcplab arcs --slow --json | jq \'.arcs[] | select(.verdict != "proven")\'',
          "tcplab run 'SYN-SENT>CLOSED'    # the scenarios of one transition",
        ],
        ABOUT_HOSTS,
        'Exit status: 0 all proven, 1 something not proven or not explained, 2 invalid usage, 3 this machine lacks ' +
          'something (see `tcplab doctor`).',
      ),
    )
    .action(arcs);
}

async function arcs(options: Options): Promise<void> {
  refuseSameFile({ report: options.report });
  const html = options.report === undefined ? undefined : new OutputFile(options.report);
  await using hosts = await openHosts(options);
  const { privilege } = hosts;
  const startedAt = new Date();
  const all = drives();
  const scenarios = [...new Set(all.map(({ scenario }) => scenario))].filter(
    ({ slow }) => options.slow || !slow,
  );
  const family: Family = options.ipv6 ? 'ipv6' : 'ipv4';
  const report: Pick<ArcsReport, 'arcs' | 'unexplained' | 'particularities'> = {
    arcs: [],
    unexplained: [],
    particularities: {},
  };
  const judged = new Map<string, ArcResult[]>();
  const page = html && (await openPage(html, { tool: TOOL, machine: thisMachine(privilege) }));
  let noKernelEvents: string | null = null;
  await runSideBySide(
    scenarios,
    {
      jobs: jobsOf(hosts, options),
      runOptions: { family, firewall: options.firewall, withinMs: 90_000, ...hosts.lab },
      onError: (scenario, error) => {
        if (!isOwnFailure(error, hosts)) throw error;
        const because = error.message;
        const ofIt = all.filter((drive) => drive.scenario === scenario);
        judged.set(
          scenario.id,
          ofIt.map((drive) => notDriven(drive, 'unproven', because)),
        );
      },
    },
    (scenario, timeline) => {
      judged.set(
        scenario.id,
        all.filter((drive) => drive.scenario === scenario).map((drive) => judgeArc(drive, timeline)),
      );
      page?.add(scenario.id, timeline);
      noKernelEvents ??= timeline.of('lab-opened')[0]?.noKernelEvents ?? null;
      for (const { host, from, to, source } of transitionsOf(timeline).filter(isUnexplained)) {
        report.unexplained.push({ scenario: scenario.id, host, from, to, source });
      }
      for (const { why } of particularitiesOf(timeline)) {
        report.particularities[why] = (report.particularities[why] ?? 0) + 1;
      }
      return judged.get(scenario.id)?.every(({ verdict }) => verdict === 'proven') ?? false;
    },
  );
  report.arcs = all.map((drive) => {
    const result = judged.get(drive.scenario.id)?.find(({ arc }) => arc === drive.arc);
    return arcReport(result ?? notDriven(drive, 'skipped', 'slow: prove it with --slow'));
  });
  const whole: ArcsReport = {
    format: ARCS_FORMAT,
    tool: TOOL,
    machine: { ...thisMachine(privilege), witnesses: witnessesWith(noKernelEvents === null) },
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    ...report,
  };
  const { stdout } = process;
  stdout.write(
    options.json
      ? `${JSON.stringify(whole)}\n`
      : formatArcs(whole, styleFor(stdout), noKernelEvents, stdout.columns),
  );
  page?.end(whole);
  const good = whole.arcs.every(({ verdict }) => verdict === 'proven' || verdict === 'skipped');
  process.exitCode = good && whole.unexplained.length === 0 ? EXIT.proven : EXIT.notProven;
}

/** Loads the code for the page only when there is a page. */
async function openPage(file: OutputFile, origin: Origin) {
  const { ArcsPage } = await import('../report/pages/arcs.ts');
  const { formatHtml } = await import('../report/pages/html.ts');
  const page = new ArcsPage(origin);
  return {
    add: (scenario: string, timeline: Timeline) => page.add(scenario, timeline),
    end: (report: ArcsReport) => file.finish(formatHtml(page.end(report))),
  };
}

function notDriven(
  { arc, scenario, host }: ReturnType<typeof drives>[number],
  verdict: 'skipped' | 'unproven',
  because: string,
): ArcResult {
  return { arc, scenario: scenario.id, host, verdict, because, seenBy: [] };
}
