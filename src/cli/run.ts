import { type Command, Option } from 'commander';
import { TcplabError } from '../error.ts';
import type { ScenarioFailed } from '../evidence/events.ts';
import type { FirewallKind } from '../lab/firewall.ts';
import { RunFold } from '../report/story/run-fold.ts';
import { runStarted } from '../report/story/run-started.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { durationOption, parseCount, scenariosNamed } from './arguments.ts';
import { newCommand } from './commands.ts';
import { EXIT } from './exit.ts';
import { helpEnd, OPTION_GROUPS } from './help.ts';
import {
  ABOUT_HOSTS,
  addLabOptions,
  isOwnFailure,
  jobsOf,
  mustBeAllowed,
  openHosts,
} from './host-options.ts';
import { addOutputOptions, type OutputOptions, openOutputs } from './outputs.ts';
import { addProgramOptions, type ProgramOptions, playableAmong, programsOf } from './program-options.ts';
import { runPairs } from './run-pairs.ts';
import { settingsOf } from './settings-of.ts';
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
  const command = newCommand('run')
    .description(
      'Put a real connection into each state, hold it there, and print what the witnesses report. Without names, run all ' +
        'scenarios; with a program, those that the program can be an end of.',
    )
    .argument(
      '[name...]',
      'scenarios, states in any spelling, transitions, or `box` (see `tcplab list`, `tcplab list --box`)',
    )
    .addOption(durationOption('--hold <duration>', 'time each state is held, such as 200ms or 5s', 100))
    .option('--repeat <n>', 'number of runs of each scenario', parseCount, 1);
  addProgramOptions(addOutputOptions(command));
  return addLabOptions(command)
    .addOption(
      new Option('--timeline <file>', 'all events, for `tcplab replay` (docs/timeline.md)').helpGroup(
        OPTION_GROUPS.output,
      ),
    )
    .option('--jobs <n>', 'number of labs at a time', parseCount, 20)
    .option('--pairs <file>', 'YAML file of many pairs of hosts to run between')
    .addHelpText(
      'after',
      helpEnd(
        [
          'tcplab run',
          'tcplab run close-wait TIME_WAIT --hold 2s',
          'tcplab run closing --ladder',
          'tcplab run box',
          "tcplab run close-wait --server 'node server.js' --port 8080",
          "tcplab run syn-sent --client 'curl -sS http://{server}:{port}/'",
          'tcplab run time-wait --pcap . && wireshark time-wait.pcapng',
          "tcplab run --json | jq '.results[] | {scenario, verdict}'",
          'tcplab run --client ssh:user@a --server ssh:user@b',
        ],
        ABOUT_HOSTS,
        'Exit status: 0 all proven, 1 something not proven, 2 invalid usage, 3 this machine lacks something (see ' +
          '`tcplab doctor`).',
      ),
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

/** Rejects the options whose output describes a single pair of hosts. */
async function runBetweenPairs(
  path: string,
  scenarios: readonly Scenario[],
  options: Options,
): Promise<void> {
  const { jobs, json = false, allowSysctl = false, hold: holdMs, firewall, ipv6, port } = options;
  for (const name of SINGLE) {
    if (options[name] === undefined || options[name] === false) continue;
    throw new TcplabError('USAGE', `--${name} can't be combined with --pairs`, {
      hint: `remove --${name}: the pairs file names the hosts, and the output is the table or --json`,
    });
  }
  if (options.repeat !== 1) {
    throw new TcplabError('USAGE', "--repeat can't be combined with --pairs", { hint: 'remove --repeat' });
  }
  mustBeAllowed(options);
  const family = ipv6 ? 'ipv6' : 'ipv4';
  const serverPort = port === undefined ? {} : { serverPort: port };
  return runPairs(path, scenarios, {
    jobs,
    json,
    allowSysctl,
    runOptions: { holdMs, family, firewall, ...serverPort, ...settingsOf(options) },
  });
}

const SINGLE = ['client', 'server', 'tap', 'junit', 'report', 'pcap', 'timeline', 'ladder'] as const;

function failure({ id, held }: Scenario, error: TcplabError): ScenarioFailed {
  return { type: 'scenario-failed', scenario: id, held, error: error.message };
}
