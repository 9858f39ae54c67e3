import { type Command, Option } from 'commander';
import type { ProbeResult } from '../check/probe.ts';
import { probesOf, runCheck, type Target } from '../check/run-check.ts';
import { AUTO } from '../check/talk/auto.ts';
import { httpTalk, isSuccess } from '../check/talk/http.ts';
import { type Talk, textTalk } from '../check/talk/talk.ts';
import { TcplabError } from '../error.ts';
import type { FirewallKind } from '../lab/firewall.ts';
import { shellWord } from '../lab/shell-word.ts';
import { formatCheckJunit } from '../report/files/check-junit.ts';
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
import { styleFor } from '../report/terminal/style.ts';
import type { Command as ProgramCommand } from '../scenario/started-program.ts';
import { suggestion } from '../suggestion.ts';
import { durationOption, parseJobs, parsePort } from './arguments.ts';
import { newCommand } from './commands.ts';
import { EXIT } from './exit.ts';
import { findProgram } from './find-program.ts';
import { helpEnd, OPTION_GROUPS } from './help.ts';
import {
  ABOUT_HOSTS,
  addHostOptions,
  addLabOptions,
  type EndOptions,
  openHosts,
  partsOf,
} from './host-options.ts';
import { OutputFile } from './output-file.ts';
import { Progress } from './progress.ts';
import { refuseSameFile } from './same-file.ts';
import { settingsOf } from './settings-of.ts';

interface Options extends EndOptions {
  port: number;
  http?: string;
  expectStatus?: string;
  request?: string;
  expect?: string;
  greeting?: string;
  answer?: string;
  within: number;
  only?: string[];
  jobs: number;
  stopSignal: NodeJS.Signals;
  signalGroup?: boolean;
  failOn: 'fault' | 'risk';
  ipv6?: boolean;
  firewall: FirewallKind;
  list?: boolean;
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
    .argument('<server|client>', 'the end that the program is')
    .argument('[command...]', 'after `--`: the program, as one shell command or as words')
    .option('--port <port>', 'port that the server listens on, or the client connects to', parsePort, 80)
    .option('--http <path>', 'server: path that tcplab requests with HTTP, such as /')
    .addOption(
      new Option(
        '--request <text>',
        'server: text that tcplab sends (\\r \\n \\t \\xNN \\\\ as in C)',
      ).conflicts('http'),
    )
    .option('--expect <text>', 'server: text that its response contains')
    .option(
      '--expect-status <status>',
      'server: HTTP status that is right as well, such as 404, 4xx or 401,403',
    )
    .option('--greeting <text>', 'server: text that it says first; client: text that tcplab says first')
    .option('--answer <text>', 'client: text that tcplab responds with')
    .addOption(
      durationOption(
        '--within <duration>',
        'time to wait for the expected reaction, such as 800ms or 10s',
        DEFAULT_WITHIN_MS,
      ),
    )
    .option('--only <test...>', 'tests to run, instead of all')
    .option('--jobs <n>', 'how many tests run side by side; 1 for one by one', parseJobs, 6)
    .addOption(
      new Option('--stop-signal <signal>', 'what a supervisor sends to stop the program')
        .choices(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'])
        .default('SIGTERM'),
    )
    .option('--signal-group', 'send it to all processes of the program, and not only to the first')
    .addOption(
      new Option('--fail-on <verdict>', 'the least verdict for which the exit status is 1')
        .choices(['fault', 'risk'])
        .default('fault'),
    )
    .option('--list', 'list of the tests; runs none')
    .option('--ladder', 'sequence diagram of each test whose result is not good')
    .optionsGroup(OPTION_GROUPS.output)
    .option('--json', 'JSON on standard output (schema/check.schema.json)')
    .option('--junit <file>', 'JUnit report')
    .option('--report <file>', 'HTML report in one file')
    .optionsGroup(OPTION_GROUPS.lab);
  addHostOptions(command, { programs: false });
  return addLabOptions(command)
    .addHelpText(
      'after',
      helpEnd(
        [
          'tcplab check server --port 8080 --http / -- node server.js',
          "tcplab check client -- curl -sS 'http://{server}:{port}/'",
          "tcplab check server --port 6379 --request 'PING\\r\\n' --expect PONG -- \\\n      redis-server",
          'tcplab check server --port 8080 --only peer-closes --ladder -- ./server',
          'tcplab check client --within 2s --junit report.xml -- node fetch.js',
          'tcplab check server --sysctl server:tcp_retries2=5 --port 8080 -- ./server',
          'tcplab check server --list',
        ],
        "The program gets 5s to start, or --within if that is longer. In a client's command, {server} and {port} are " +
          'replaced by the address and port to connect to. {name} in place of {server} is a name, so that tests ' +
          'can give it several addresses.',
        ABOUT_HOSTS,
        'Exit status: 0 no fault; 1 a fault, or with --fail-on risk also a risk; 2 invalid usage; 3 not checked: the ' +
          'program was never there, no test could find out anything, or this machine lacks something (`tcplab doctor`).',
      ),
    )
    .action(check);
}

async function check(what: string, words: string[], options: Options): Promise<void> {
  const target = targetNamed(what);
  const known = probesOf(target);
  for (const id of options.only ?? []) {
    if (known.some((probe) => probe.id === id)) continue;
    const ids = known.map((probe) => probe.id);
    throw new TcplabError('USAGE', `no test of a ${target} is called '${id}'`, {
      hint: suggestion(id, ids, `\`tcplab check ${target} --list\` shows all`),
    });
  }
  if (options.list) {
    for (const { id, title } of known) process.stdout.write(`${id}\t${title}\n`);
    return;
  }
  const command = commandOf(words, partsOf(target, options[target]).place !== undefined);
  const talk = talkOf(target, options);
  refuseSameFile({ junit: options.junit, report: options.report });
  const junit = options.junit === undefined ? undefined : new OutputFile(options.junit);
  const html = options.report === undefined ? undefined : new OutputFile(options.report);
  settingsOf(options, [target]);
  await using hosts = await openHosts(options);
  const { privilege } = hosts;
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
    port: options.port,
    family: options.ipv6 ? 'ipv6' : 'ipv4',
    firewall: options.firewall,
    withinMs: options.within,
    lab: hosts.lab,
    only: options.only,
    jobs: options.jobs,
    stopSignal: options.stopSignal,
    signalGroup: options.signalGroup ?? false,
    onBegin: ({ id }) => {
      running.add(id);
      progress.show(`running: ${[...running].join(', ')}`);
    },
    onDone: (result) => {
      running.delete(result.id);
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
      withinMs: options.within,
      talk: talk.name,
      stopSignal: options.stopSignal,
      user: null,
    },
    probes: results.map(probeReport),
  };
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else process.stdout.write(formatNotRun(notRun, layout) + formatCheckSummary(report, style));
  junit?.finish(formatCheckJunit(report));
  if (html) html.finish(await pageOf(report, results));
  process.exitCode = exitStatus(results, options.failOn);
}

function exitStatus(results: readonly ProbeResult[], failOn: Options['failOn']): number {
  const has = (verdict: ProbeResult['verdict']) => results.some((result) => result.verdict === verdict);
  if (has('fault') || (failOn === 'risk' && has('risk'))) return EXIT.notProven;
  return results.every(({ verdict }) => verdict === 'unknown') ? EXIT.machineCannot : EXIT.proven;
}

function targetNamed(what: string): Target {
  if (what === 'server' || what === 'client') return what;
  throw new TcplabError('USAGE', `unknown end '${what}': expected server or client`, {
    hint: 'for example: tcplab check server --port 8080 -- node server.js',
  });
}

/** A single word is a shell command, unless it is the name of a program. The first of several words must be a program. */
function commandOf(words: string[], isElsewhere: boolean): ProgramCommand {
  const [program] = words;
  if (program === undefined || words.join('').trim() === '') {
    throw new TcplabError('USAGE', 'no program to check', {
      hint: 'give its command after `--`: tcplab check server --port 8080 -- node server.js',
    });
  }
  const isForShell = words.length === 1 && !/^[\w@%+,./-]+$/.test(program);
  if (!isForShell && !isElsewhere) findProgram(program);
  return isForShell ? program : words;
}

function talkOf(target: Target, { http, expectStatus, ...texts }: Options): Talk {
  const greeting = bytesOf(texts.greeting);
  const request = bytesOf(texts.request);
  const expect = bytesOf(texts.expect);
  const answer = bytesOf(texts.answer);
  if (target === 'client') {
    if (http ?? expectStatus ?? request ?? expect) {
      throw new TcplabError(
        'USAGE',
        '--http, --expect-status, --request and --expect apply to `check server` only',
        { hint: 'remove them: in `check client`, tcplab answers whatever the client sends (HTTP with HTTP)' },
      );
    }
    return answer || greeting ? textTalk({ greeting, answer }) : AUTO;
  }
  if (answer) {
    throw new TcplabError('USAGE', '--answer applies to `check client` only', {
      hint: 'what the server should respond is --expect TEXT',
    });
  }
  if (expectStatus !== undefined && http === undefined) {
    throw new TcplabError('USAGE', '--expect-status requires --http', {
      hint: 'for example: --http /health --expect-status 401',
    });
  }
  if (http !== undefined) {
    if (!http.startsWith('/')) {
      throw new TcplabError('USAGE', `'${http}' is not a path`, { hint: 'for example: --http /' });
    }
    return httpTalk(http, 'tcplab', expectStatus === undefined ? isSuccess : statusTest(expectStatus));
  }
  if (request || greeting) return textTalk({ greeting, request, expect });
  if (expect === undefined) return AUTO;
  throw new TcplabError('USAGE', '--expect requires --request', {
    hint: "for example: --request 'PING\\r\\n' --expect PONG",
  });
}

function bytesOf(text: string | undefined): Buffer | undefined {
  return text === undefined ? undefined : unescaped(text);
}

/** `404`, `4xx`, `401,403`: these, and no success besides. */
function statusTest(text: string): (status: number) => boolean {
  const words = text.split(',');
  if (!words.every((word) => /^[1-5](\d\d|xx)$/.test(word))) {
    throw new TcplabError('USAGE', `--expect-status: '${text}' is not an HTTP status`, {
      hint: 'expected a number from 100 to 599 or a class such as 4xx; several with commas: 200,404',
    });
  }
  return (status) =>
    words.some((word) => new RegExp(`^${word.replaceAll('x', '\\d')}$`).test(String(status)));
}

const ESCAPES: Record<string, number> = { r: 13, n: 10, t: 9, '0': 0, '\\': 92 };

/** Escapes as in C, which a shell's quotes leave as they are; all else is UTF-8. */
function unescaped(text: string): Buffer {
  const pieces = text.split(/(\\x[0-9a-fA-F]{2}|\\[rnt0\\])/);
  return Buffer.concat(
    pieces.map((piece, index) => {
      if (index % 2 === 0) return Buffer.from(piece);
      return Buffer.of(ESCAPES[piece[1] ?? ''] ?? Number.parseInt(piece.slice(2), 16));
    }),
  );
}

async function pageOf(report: CheckReport, results: ProbeResult[]): Promise<string> {
  const { formatHtml } = await import('../report/pages/html.ts');
  const { checkPage } = await import('../report/pages/check.ts');
  return formatHtml(checkPage(report, results));
}
