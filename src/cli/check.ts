import { arch, release } from 'node:os';
import { Command, Option } from 'commander';
import type { ProbeResult } from '../check/probe.ts';
import type { Target } from '../check/run-check.ts';
import { httpTalk, SILENCE, type Talk, textTalk } from '../check/talk.ts';
import { TcplabError } from '../error.ts';
import { VERSION } from '../evidence/version.ts';
import type { FirewallKind } from '../lab/firewall.ts';
import {
  CHECK_FORMAT,
  type CheckReport,
  formatCheckSummary,
  formatProbe,
  formatSkipped,
  probeReport,
} from '../report/check-report.ts';
import { styleFor } from '../report/style.ts';
import { parseDuration, parsePort } from './arguments.ts';
import { EXIT } from './exit.ts';
import { findProgram } from './find-program.ts';
import { firewallOption } from './firewall-option.ts';
import { addHostOptions, type EndOptions, openHosts, partsOf } from './host-options.ts';
import { OutputFile } from './output-file.ts';
import { Progress } from './progress.ts';
import { refuseSameFile } from './same-file.ts';
import { suggestion } from './suggestion.ts';

interface Options extends EndOptions {
  port: number;
  http?: string;
  request?: string;
  expect?: string;
  within: number;
  only?: string[];
  ipv6?: boolean;
  firewall: FirewallKind;
  list?: boolean;
  ladder?: boolean;
  json?: boolean;
  junit?: string;
  report?: string;
}

export function checkCommand(): Command {
  const command = new Command('check')
    .summary('find out how a program lives with what networks do')
    .description(
      'Starts a program inside a host, again and again, and does to it what networks do:\n' +
        'peers that close, reset, vanish, stop reading, come all at once. Says of each what\n' +
        'the program did, why it matters and how it is mended, with what was seen.',
    )
    .argument('<what>', '`server` or `client`: which end the program is')
    .argument('[command...]', 'after `--`: the program, as a shell or as words');
  return addHostOptions(command, { programs: false })
    .option(
      '--port <port>',
      'the port that the server listens on, or that the client connects to',
      parsePort,
      80,
    )
    .option('--http <path>', 'server: ask for this by HTTP')
    .addOption(
      new Option('--request <text>', 'server: say this (\\r \\n \\t \\xNN \\\\ as in C)').conflicts('http'),
    )
    .option('--expect <text>', 'server: what its answer has in it')
    .option('--within <duration>', 'how long it may take for what it ought to do', parseDuration, 5000)
    .option('--only <probe...>', 'these probes alone')
    .option('--ipv6', 'the two hosts speak IPv6')
    .addOption(firewallOption())
    .option('--list', 'show the probes, and run none')
    .option('--ladder', 'draw what happened where it is no good')
    .option('--json', 'print one JSON object (schema/check.schema.json)')
    .option('--junit <file>', 'write a JUnit report')
    .option('--report <file>', 'write a page to look at: one HTML file, with all of it')
    .addHelpText(
      'after',
      `
A program has five seconds to be there, or as long as --within says when that
is more. A client is started with {server} and {port} in its words standing for
where to connect.

Examples:
  tcplab check server --port 8080 --http / -- node server.js
  tcplab check server --port 6379 --request 'PING\\r\\n' --expect PONG -- \\
      redis-server
  tcplab check server --port 8080 --only peer-closes --ladder -- ./server
  tcplab check client -- curl -sS 'http://{server}:{port}/'
  tcplab check client --within 2s --junit report.xml -- node fetch.js
  tcplab check server --list

Exit status: 0 no fault, 1 a fault, 2 wrong use, 3 this machine can't.`,
    )
    .action(check);
}

async function check(what: string, words: string[], options: Options): Promise<void> {
  const target = targetNamed(what);
  const { probesOf, runCheck } = await load();
  const known = probesOf(target);
  for (const id of options.only ?? []) {
    if (known.some((probe) => probe.id === id)) continue;
    const ids = known.map((probe) => probe.id);
    throw new TcplabError('USAGE', `no probe of a ${target} is called '${id}'`, {
      hint: suggestion(id, ids, `\`tcplab check ${target} --list\``),
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
  await using hosts = await openHosts(options);
  const { privilege } = hosts;
  const startedAt = new Date();
  const style = styleFor(process.stdout);
  const progress = new Progress(process.stderr);
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
    onBegin: ({ id, title }, index, count) => progress.show(`${index + 1} of ${count}: ${id}: ${title}`),
    onDone: (result) => {
      progress.clear();
      if (!options.json) process.stdout.write(formatProbe(result, style, options.ladder ?? false));
    },
    onSkip: (skipped) => {
      if (!options.json) process.stdout.write(formatSkipped(skipped, style));
    },
  });
  const report: CheckReport = {
    format: CHECK_FORMAT,
    tool: { name: 'tcplab', version: VERSION },
    machine: { kernel: release(), arch: arch(), privilege },
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    target,
    command,
    probes: results.map(probeReport),
  };
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : formatCheckSummary(report, style));
  if (junit) await writeJunit(junit, report);
  if (html) await writePage(html, report, results);
  process.exitCode = results.some(({ verdict }) => verdict === 'fault') ? EXIT.notProven : EXIT.proven;
}

function targetNamed(what: string): Target {
  if (what === 'server' || what === 'client') return what;
  throw new TcplabError('USAGE', `'${what}' can't be checked`, {
    hint: 'say `server` or `client`: tcplab check server --port 8080 -- node server.js',
  });
}

/** One word is for the shell, unless it can be nothing but a program’s name; of several the first must be a program. */
function commandOf(words: string[], isElsewhere: boolean): string {
  const [program] = words;
  if (program === undefined || words.join('').trim() === '') {
    throw new TcplabError('USAGE', 'there is no program to check', {
      hint: 'it comes after `--`: tcplab check server --port 8080 -- node server.js',
    });
  }
  const isForShell = words.length === 1 && !/^[\w@%+,./-]+$/.test(program);
  if (!isForShell && !isElsewhere) findProgram(program);
  if (words.length === 1) return program;
  return words.map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./{}-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function talkOf(target: Target, { http, request, expect }: Options): Talk {
  if (target === 'client') {
    if (http === undefined && request === undefined && expect === undefined) return SILENCE;
    throw new TcplabError('USAGE', '--http, --request and --expect are for servers', {
      hint: 'what a client says is its own affair; HTTP is answered by HTTP',
    });
  }
  if (http !== undefined) {
    if (!http.startsWith('/')) throw new TcplabError('USAGE', `--http needs a path such as /, not '${http}'`);
    return httpTalk(http, 'tcplab');
  }
  if (request !== undefined)
    return textTalk(unescaped(request), expect === undefined ? undefined : unescaped(expect));
  if (expect === undefined) return SILENCE;
  throw new TcplabError('USAGE', '--expect goes with --request', {
    hint: "for example --request 'PING\\r\\n' --expect PONG",
  });
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

async function writeJunit(file: OutputFile, report: CheckReport): Promise<void> {
  const { formatCheckJunit } = await import('../report/check-junit.ts');
  file.write(formatCheckJunit(report));
  file.close();
}

async function writePage(file: OutputFile, report: CheckReport, results: ProbeResult[]): Promise<void> {
  const { formatHtml } = await import('../report/html/html.ts');
  const { checkPage } = await import('../report/html/check.ts');
  file.write(formatHtml(checkPage(report, results)));
  file.close();
}

/** Not inside check(): tsc does not rewrite an import() that stands beside `await using`. */
function load(): Promise<typeof import('../check/run-check.ts')> {
  return import('../check/run-check.ts');
}
