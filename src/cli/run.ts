import { arch, release } from 'node:os';
import { Command } from 'commander';
import { TcplabError } from '../error.ts';
import { type RunStarted, type ScenarioFailed, TIMELINE_FORMAT } from '../evidence/events.ts';
import { VERSION } from '../evidence/version.ts';
import type { FirewallKind } from '../lab/firewall.ts';
import { RunFold } from '../report/run-fold.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { parseCount, parseDuration, scenariosNamed } from './arguments.ts';
import { EXIT } from './exit.ts';
import { firewallOption } from './firewall-option.ts';
import { isOwnFailure, jobsOf, openHosts } from './host-options.ts';
import { addOutputOptions, type OutputOptions, openOutputs } from './outputs.ts';
import { addProgramOptions, type ProgramOptions, playableAmong, programsOf } from './program-options.ts';
import { runPairs } from './run-pairs.ts';
import { runSideBySide } from './side-by-side.ts';

interface Options extends OutputOptions, ProgramOptions {
  ipv6?: boolean;
  firewall: FirewallKind;
  hold: number;
  jobs: number;
  repeat: number;
  pairs?: string;
}

export function runCommand(): Command {
  const command = new Command('run')
    .summary('bring connections into states, hold them, prove them')
    .description(
      'Runs scenarios on the real kernel: brings a connection into each state, holds it\n' +
        'there, and prints what the witnesses say. All of them if none is named; with a program\n' +
        'those that it can be one end of.',
    )
    .argument('[name...]', 'scenarios, states in any spelling, or arcs (see `tcplab list`, `tcplab arcs`)');
  return addProgramOptions(addOutputOptions(command))
    .option('--timeline <file>', 'save all that happened, for `tcplab replay` (docs/timeline.md)')
    .option('--ipv6', 'the two hosts speak IPv6')
    .addOption(firewallOption())
    .option('--hold <duration>', 'how long each state is held', parseDuration, 100)
    .option('--jobs <n>', 'how many labs at a time', parseCount, 20)
    .option('--repeat <n>', 'run each so many times', parseCount, 1)
    .option('--pairs <file>', 'run them between many pairs of hosts at once, which a YAML file lists')
    .addHelpText(
      'after',
      `
Examples:
  tcplab run
  tcplab run close-wait TIME_WAIT --hold 2s
  tcplab run --json | jq '.results[] | {scenario, verdict}'
  tcplab run fin-wait-1 --repeat 100
  tcplab run closing --ladder
  tcplab run time-wait --pcap . && wireshark time-wait.pcapng
  tcplab run --timeline run.ndjson && tcplab replay run.ndjson
  tcplab run closing --report closing.html
  tcplab run --tap --junit report.xml
  tcplab run close-wait --server 'node server.js' --port 8080
  tcplab run --client ssh:user@a --server ssh:user@b
  tcplab run --pairs pairs.yaml --json
  tcplab run syn-sent --client 'curl -sS http://192.168.2.11:{port}/'

Exit status: 0 all proven, 1 something not proven, 2 wrong use, 3 this machine
can't.`,
    )
    .action(run);
}

async function run(names: string[], options: Options): Promise<void> {
  const all = await scenariosNamed(names);
  const scenarios = names.length === 0 ? playableAmong(options, all) : all;
  const programs = programsOf(options, scenarios);
  if (options.pairs !== undefined) return await runBetweenPairs(options.pairs, scenarios, options);
  await using hosts = await openHosts(options);
  const started = runStarted(hosts.privilege, scenarios, options.repeat);
  const fold = new RunFold(started, await openOutputs(options, started));
  const labs = scenarios.flatMap((scenario) => Array.from({ length: options.repeat }, () => scenario));
  const runOptions = {
    holdMs: options.hold,
    family: options.ipv6 ? 'ipv6' : 'ipv4',
    firewall: options.firewall,
    programs,
    withinMs: hosts.withinMs,
    ...hosts.lab,
    ...(options.port === undefined ? {} : { serverPort: options.port }),
  } as const;
  const onError = (scenario: Scenario, error: unknown, index: number) => {
    if (!isOwnFailure(error, hosts)) throw error;
    fold.lab(index, failure(scenario, error));
  };
  try {
    const jobs = jobsOf(hosts, options);
    await runSideBySide(labs, { jobs, runOptions, onError }, (_, timeline, index) => {
      return fold.lab(index, timeline).verdict === 'proven';
    });
  } catch (error) {
    if (error instanceof Error) fold.fail(error.message);
    throw error;
  }
  const { results } = fold.end(Date.now() - Date.parse(started.startedAt));
  process.exitCode = results.every(({ verdict }) => verdict === 'proven') ? EXIT.proven : EXIT.notProven;
}

/** What is made of a single run has no place for many. */
function runBetweenPairs(path: string, scenarios: readonly Scenario[], options: Options): Promise<void> {
  const { jobs, json = false, allowSysctl = false, hold: holdMs, firewall, ipv6, port } = options;
  for (const name of SINGLE) {
    if (options[name] === undefined || options[name] === false) continue;
    throw new TcplabError('USAGE', `--${name} and --pairs do not go together`, {
      hint: 'the file says where the hosts are; of all outputs there are the table and --json',
    });
  }
  if (options.repeat !== 1) throw new TcplabError('USAGE', '--repeat and --pairs do not go together');
  const family = ipv6 ? 'ipv6' : 'ipv4';
  const serverPort = port === undefined ? {} : { serverPort: port };
  return runPairs(path, scenarios, {
    jobs,
    json,
    allowSysctl,
    runOptions: { holdMs, family, firewall, ...serverPort },
  });
}

const SINGLE = ['client', 'server', 'tap', 'junit', 'report', 'pcap', 'timeline', 'ladder'] as const;

function runStarted(
  privilege: 'root' | 'user-namespace',
  scenarios: readonly Scenario[],
  repeat: number,
): RunStarted {
  return {
    type: 'run-started',
    format: TIMELINE_FORMAT,
    tool: { name: 'tcplab', version: VERSION },
    machine: { kernel: release(), arch: arch(), privilege },
    startedAt: new Date().toISOString(),
    scenarios: scenarios.map(({ id, heldBy }) => ({ id, heldBy })),
    repeat,
  };
}

function failure({ id, held }: Scenario, error: TcplabError): ScenarioFailed {
  return { type: 'scenario-failed', scenario: id, held, error: error.message };
}
