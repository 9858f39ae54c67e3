import { type Command, Option } from 'commander';
import { nameOfProbe, type ProbeResult } from '../check/probe.ts';
import { probesOf, runCheck, type Target } from '../check/run-check.ts';
import { TcplabError } from '../error.ts';
import type { FirewallKind } from '../lab/firewall.ts';
import { settingsAsked } from '../lab/settings.ts';
import { shellWord } from '../lab/shell-word.ts';
import { formatGithub } from '../report/files/check-github.ts';
import { formatCheckJunit } from '../report/files/check-junit.ts';
import { compareWith, failsBy, isKnown } from '../report/story/baseline.ts';
import { TOOL, thisMachine } from '../report/story/run-started.ts';
import {
  CHECK_FORMAT,
  type CheckReport,
  formatCheckSummary,
  formatNotRun,
  formatProbe,
  isNotRun,
  probeReport,
} from '../report/terminal/check-report.ts';
import { formatRelayTable } from '../report/terminal/relay-table.ts';
import { styleFor } from '../report/terminal/style.ts';
import type { Command as ProgramCommand } from '../scenario/started-program.ts';
import { suggestion } from '../suggestion.ts';
import { durationOption, parseJobs, parsePort } from './arguments.ts';
import { readBaseline } from './baseline-file.ts';
import { newCommand } from './commands.ts';
import { EXIT } from './exit.ts';
import { findProgram } from './find-program.ts';
import { helpEnd, OPTION_GROUPS } from './help.ts';
import {
  ABOUT_HOSTS,
  addHostOptions,
  addLabOptions,
  type EndOptions,
  jobsOf,
  openHosts,
  partsOf,
} from './host-options.ts';
import { OutputFile } from './output-file.ts';
import { Progress } from './progress.ts';
import { addProxyOptions, PROXY_WITHIN_MS, type ProxyOptions, proxyOf } from './proxy-options.ts';
import { refuseSameFile } from './same-file.ts';
import { settingsOf } from './settings-of.ts';
import { addTalkOptions, type TalkOptions, talkOf, tlsOf } from './talk-options.ts';

interface Options extends EndOptions, TalkOptions, ProxyOptions {
  port: number;
  within: number;
  only?: string[];
  jobs: number;
  user?: string;
  stopSignal: NodeJS.Signals;
  signalGroup?: boolean;
  failOn: 'fault' | 'risk';
  ipv6?: boolean;
  firewall: FirewallKind;
  list?: boolean;
  baseline?: string;
  github?: boolean;
  ladder?: boolean;
  json?: boolean;
  junit?: string;
  report?: string;
}

/** Longer than the idle timeout of Node and Apache, which is 5 s, and up to 6 s in practice. */
const DEFAULT_WITHIN_MS = 7000;

export function checkCommand(): Command {
  const command = newCommand('check')
    .description(
      'Test how a program handles network faults. Starts the program afresh for each test, in an isolated network: the ' +
        'peer closes, resets, vanishes, stops reading, or 300 clients connect at once. For each test it prints what the ' +
        'program did, why that matters, and how to fix it.',
    )
    .argument('<kind>', 'server, client, or proxy (a relay between the two)')
    .argument('[command...]', 'after `--`: the program, as one shell command or as words')
    .option(
      '--port <port>',
      'port that the server or proxy listens on, or the client connects to',
      parsePort,
      80,
    )
    .addOption(
      durationOption(
        '--within <duration>',
        'time to wait for the expected reaction, such as 800ms or 10s',
        DEFAULT_WITHIN_MS,
      ),
    )
    .option('--only <test...>', 'tests to run, instead of all')
    .option('--list', 'list of the tests; runs none')
    .addOption(
      new Option('--fail-on <verdict>', 'the least verdict for which the exit status is 1')
        .choices(['fault', 'risk'])
        .default('fault'),
    )
    .option('--baseline <file>', 'JSON of an earlier check: what it found is known, and does not fail')
    .option('--jobs <n>', 'number of tests that run side by side; on remote hosts always 1', parseJobs, 8)
    .optionsGroup(OPTION_GROUPS.talk);
  addProxyOptions(addTalkOptions(command))
    .optionsGroup(OPTION_GROUPS.program)
    .option('--user <name>', 'user that the program runs as; without root: your own')
    .addOption(
      new Option('--stop-signal <signal>', 'signal by which a supervisor stops the program')
        .choices(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'])
        .default('SIGTERM'),
    )
    .option('--signal-group', 'stop signal to all processes of the program, and not only to the first')
    .optionsGroup(OPTION_GROUPS.output)
    .option('--ladder', 'sequence diagram of each test whose result is not good')
    .option('--json', 'JSON on standard output (schema/check.schema.json)')
    .option('--junit <file>', 'JUnit report')
    .option('--report <file>', 'HTML report in one file')
    .option('--github', 'faults and risks as annotations of GitHub Actions')
    .optionsGroup(OPTION_GROUPS.lab);
  addHostOptions(command, { programs: false });
  return addLabOptions(command)
    .addHelpText(
      'after',
      helpEnd(
        [
          'tcplab check server --port 8080 --http / -- node server.js',
          "tcplab check client -- curl -sS 'http://{server}:{port}/'",
          'tcplab check server --port 6379 --talk redis -- redis-server',
          "tcplab check server --port 7 --request 'hi\\n' --expect hi -- ./echo-server",
          'tcplab check client --tls -- curl -sS https://{server}:{port}/',
          'tcplab check server --port 8080 --only peer-closes --ladder -- ./server',
          'tcplab check client --within 2s --junit report.xml -- node fetch.js',
          'tcplab check server --sysctl server:tcp_retries2=5 --port 8080 -- ./server',
          'tcplab check server --port 8080 --http / --json -- ./server > known.json',
          'tcplab check server --port 8080 --http / --baseline known.json -- ./server',
          'tcplab check proxy --port 8000 -- ./relay 8000 {server} {server_port}',
          'tcplab check server --list',
        ],
        "The program gets 5s to start, or --within if that is longer. In a client's command, {server} and {port} are " +
          'replaced by the address and port to connect to, and with --tls {ca} by the file of the certificate ' +
          'authority, which SSL_CERT_FILE and like variables name as well. {name} in place of {server} is a name, ' +
          'so that tests can give it several addresses.',
        'A proxy listens on --port and connects to {server} at {server_port}, where tcplab plays the server, as it plays the ' +
          'client. Each test is done at both ends.',
        'Where an answer would need longer than --within, a test says so (unknown), and how long would tell.',
        ABOUT_HOSTS,
        'Exit status: 0 no fault; 1 a fault, or with --fail-on risk also a risk; 2 invalid usage; 3 not checked: the ' +
          'program was never there, no test could find out anything, or this machine lacks something (`tcplab doctor`).',
      ),
    )
    .action(check);
}

async function check(what: string, words: string[], options: Options, called: Command): Promise<void> {
  const target = targetNamed(what);
  const proxy = proxyOf(target, options, called);
  const tests = probesOf(target);
  for (const id of options.only ?? []) {
    const test = tests.find((probe) => probe.id === id);
    if (test?.needsTls && !tlsOf(options)) {
      throw new TcplabError('USAGE', `the test '${id}' requires TLS`, { hint: 'add --tls' });
    }
    if (test) continue;
    const ids = tests.map((probe) => probe.id);
    throw new TcplabError('USAGE', `no test of a ${target} is called '${id}'`, {
      hint: suggestion(id, ids, `\`tcplab check ${target} --list\` shows all`),
    });
  }
  if (options.list) {
    const about = tests.map(({ id, by, title, purpose }) => ({ id, ...(by && { by }), title, purpose }));
    if (options.json) process.stdout.write(`${JSON.stringify(about)}\n`);
    else for (const { id, title } of about) process.stdout.write(`${id}\t${title}\n`);
    return;
  }
  if (options.json && options.github) {
    throw new TcplabError('USAGE', "--github can't be used with --json: both go to standard output", {
      hint: 'run with --github, and write a file with --junit or --report',
    });
  }
  const isDefault = called.getOptionValueSource('within') === 'default';
  const withinMs = proxy && isDefault ? PROXY_WITHIN_MS : options.within;
  const command = commandOf(
    target,
    words,
    target !== 'proxy' && partsOf(target, options[target]).place !== undefined,
  );
  const talk = talkOf(target, options);
  const tls = tlsOf(options);
  refuseSameFile({ junit: options.junit, report: options.report });
  const junit = options.junit === undefined ? undefined : new OutputFile(options.junit);
  const known = options.baseline === undefined ? undefined : await readBaseline(options.baseline, target);
  const html = options.report === undefined ? undefined : new OutputFile(options.report);
  const settings = settingsAsked(settingsOf(options, target === 'proxy' ? [] : [target]));
  await using hosts = await openHosts(options);
  const { privilege } = hosts;
  // On remote hosts, all copies of the program would have one network, and its port.
  const jobs = jobsOf(hosts, options);
  const startedAt = new Date();
  const style = styleFor(process.stdout);
  const layout = { style, width: process.stdout.columns, ladder: options.ladder ?? false };
  const progress = new Progress(process.stderr);
  const running = new Set<string>();
  const notRun: ProbeResult[] = [];
  const results: ProbeResult[] = await runCheck({
    target,
    command,
    talk,
    tls,
    port: options.port,
    family: options.ipv6 ? 'ipv6' : 'ipv4',
    firewall: options.firewall,
    start: options.user === undefined ? {} : { user: options.user },
    withinMs,
    ...(proxy && { proxy }),
    lab: hosts.lab,
    only: options.only,
    jobs,
    stopSignal: options.stopSignal,
    signalGroup: options.signalGroup ?? false,
    onBegin: (probe) => {
      const name = nameOfProbe(probe);
      running.add(name);
      progress.show(`running: ${running.size === 1 ? `${name}: ${probe.title}` : [...running].join(', ')}`);
    },
    onEnd: (probe) => running.delete(nameOfProbe(probe)),
    onDone: (result) => {
      if (options.json) return;
      progress.clear();
      if (isNotRun(result)) notRun.push(result);
      else process.stdout.write(formatProbe(result, layout));
    },
  });
  progress.clear();
  const report: CheckReport = {
    format: CHECK_FORMAT,
    tool: TOOL,
    machine: thisMachine(privilege),
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    target,
    command: typeof command === 'string' ? command : command.map(shellWord).join(' '),
    options: {
      port: options.port,
      family: options.ipv6 ? 'ipv6' : 'ipv4',
      firewall: options.firewall,
      withinMs,
      talk: talk.name,
      http: options.http ?? null,
      expectStatus: options.expectStatus ?? null,
      request: options.request ?? null,
      expect: options.expect ?? null,
      greeting: options.greeting ?? null,
      answer: options.answer ?? null,
      tls: tls?.name ?? null,
      stopSignal: options.stopSignal,
      signalGroup: options.signalGroup ?? false,
      user: options.user ?? null,
      failOn: options.failOn,
      only: options.only ?? null,
      jobs,
      settings: settings ?? null,
      ...(proxy && { proxy }),
    },
    baseline: known === undefined ? null : compareWith(known, results),
    probes: results.map(probeReport),
  };
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else
    process.stdout.write(
      formatNotRun(notRun, layout) + formatRelayTable(results) + formatCheckSummary(report, style),
    );
  junit?.finish(formatCheckJunit(report));
  if (html) html.finish(await pageOf(report, results));
  if (options.github) process.stdout.write(formatGithub(report));
  process.exitCode = exitStatus(report);
}

function exitStatus({ probes, baseline, options }: CheckReport): number {
  const fails = probes.some((probe) => failsBy(probe, options.failOn) && !isKnown(baseline, probe));
  if (fails) return EXIT.notProven;
  // A check whose healthy exchange failed has looked at nothing that rests on it.
  return probes.some(isNotRun) || probes.every(({ verdict }) => verdict === 'unknown')
    ? EXIT.machineCannot
    : EXIT.proven;
}

function targetNamed(what: string): Target {
  if (what === 'server' || what === 'client' || what === 'proxy') return what;
  throw new TcplabError('USAGE', `unknown end '${what}': expected server, client or proxy`, {
    hint: 'for example: tcplab check server --port 8080 -- node server.js',
  });
}

const EXAMPLES = {
  server: '--port 8080 -- node server.js',
  client: "-- 'curl http://{server}:{port}/'",
  proxy: '--port 8000 -- socat TCP-LISTEN:8000,fork TCP:{server}:{server_port}',
} as const;

/**
 * A single text is a shell command, unless a shell would only split it into the words of a program: the shell in between would
 * get the stop signal. The first of several words must be a program.
 */
function commandOf(target: keyof typeof EXAMPLES, words: string[], isElsewhere: boolean): ProgramCommand {
  const [program] = words;
  if (program === undefined || words.join('').trim() === '') {
    throw new TcplabError('USAGE', 'no program to check', {
      hint: `give its command after \`--\`: tcplab check ${target} ${EXAMPLES[target]}`,
    });
  }
  const split = words.length === 1 ? program.trim().split(/\s+/) : words;
  if (words.length === 1 && !/^[\w@%+,./-]+(\s+[\w@%+,.:/={}-]+)*\s*$/.test(program)) return program;
  if (split.length > words.length && (isElsewhere || !isProgram(split[0] ?? ''))) return program;
  if (!isElsewhere) findProgram(split[0] ?? '');
  return split;
}

function isProgram(name: string): boolean {
  try {
    findProgram(name);
    return true;
  } catch (error) {
    if (!(error instanceof TcplabError)) throw error;
    return false;
  }
}

async function pageOf(report: CheckReport, results: ProbeResult[]): Promise<string> {
  const { formatHtml } = await import('../report/pages/html.ts');
  const { checkPage } = await import('../report/pages/check.ts');
  return formatHtml(checkPage(report, results));
}
