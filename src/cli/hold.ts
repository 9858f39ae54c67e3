import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { TcplabError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import type { Timeline } from '../evidence/timeline.ts';
import type { FirewallKind } from '../lab/firewall.ts';
import type { Lab } from '../lab/lab.ts';
import { readTcpSysctls } from '../lab/tcp-sysctls.ts';
import { hostLines } from '../report/host-lines.ts';
import { LadderFeed } from '../report/ladder/feed.ts';
import { localeIsUtf8 } from '../report/ladder/glyphs.ts';
import { formatMs } from '../report/layout.ts';
import { programLines } from '../report/program-lines.ts';
import { resultOf } from '../report/result.ts';
import { segmentLine } from '../report/segment-line.ts';
import { statusLines } from '../report/status.ts';
import { styleFor } from '../report/style.ts';
import { holdState } from '../scenario/hold.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { durationOption, parseWholeNumber, scenarioNamed } from './arguments.ts';
import { complain } from './complaint.ts';
import { endCommand } from './end-command.ts';
import { EXIT } from './exit.ts';
import { findProgram } from './find-program.ts';
import { COMMAND_GROUPS, helpEnd, OPTION_GROUPS } from './help.ts';
import { type CrowdCommand, holdCrowd } from './hold-crowd.ts';
import { ABOUT_HOSTS, addLabOptions, openHosts, partsOf } from './host-options.ts';
import { untilSignal } from './interrupt.ts';
import { addProgramOptions, type ProgramOptions, programsOf } from './program-options.ts';
import { Screen } from './screen.ts';

interface Options extends ProgramOptions {
  count?: number;
  for?: number;
  on?: HostName;
  ipv6?: boolean;
  firewall: FirewallKind;
  json?: boolean;
  ladder?: boolean;
  ascii?: boolean;
}

/** How often a held lab is looked at. */
const LOOK_EVERY_MS = 200;

export function holdCommand(): Command {
  const command = new Command('hold')
    .helpGroup(COMMAND_GROUPS.make)
    .summary('put a connection into a state and keep it there')
    .description(
      'Put a connection into a state and keep it there. Shows both ends, each segment, the rules and the running timer ' +
        'until Ctrl-C. With --on, runs a command inside a host while the state is held, and exits with its status. ' +
        '`tcplab NAME` is short for `tcplab hold NAME`.',
    )
    .argument('<name>', 'a scenario, a state in any spelling, or a transition (see `tcplab list`)')
    .argument('[command...]', 'after `--`: the command to run inside the host')
    .addOption(new Option('--on <host>', 'host that the command runs inside').choices(['client', 'server']))
    .addOption(
      durationOption('--for <duration>', 'time after which the hold and the command end, such as 30s'),
    )
    .option('--count <number>', 'number of connections to hold at once', parseWholeNumber)
    .option('--ladder', 'live sequence diagram in place of the list of segments')
    .option('--json', 'one JSON object at the end (like one of `results` of `tcplab run --json`)');
  addProgramOptions(command).addOption(
    new Option('--ascii', 'diagram in plain ASCII (default where the locale is not UTF-8)').helpGroup(
      OPTION_GROUPS.output,
    ),
  );
  return addLabOptions(command)
    .addHelpText(
      'after',
      helpEnd(
        [
          'tcplab hold fin-wait-1',
          'tcplab hold time-wait --for 30s',
          'tcplab hold fin-wait-1 --on client -- netstat -tan',
          'tcplab hold close-wait --on server -- bash',
          'tcplab hold zero-window --ladder',
          "tcplab hold close-wait --server 'node server.js' --port 8080",
          "tcplab hold syn-sent --client 'curl -sS http://{server}:{port}/'",
          'tcplab hold close-wait --count 10000 --on server -- ss -s',
        ],
        ABOUT_HOSTS,
        'Exit status: 0 held to the end, 1 not reached or lost, 2 invalid usage, 3 this machine lacks something (see ' +
          "`tcplab doctor`). With --on, the command's own: 143 if --for ended it with SIGTERM and it does not handle " +
          'the signal. With --count, only the socket tables are read; 0 means that every read found all connections in ' +
          'the state, also with --on.',
      ),
    )
    .action(hold);
}

async function hold(name: string, command: string[], options: Options): Promise<void> {
  const scenario = await scenarioNamed(name);
  if (command.length > 0 !== (options.on !== undefined)) {
    const missing = options.on
      ? '--on needs a command after `--`'
      : 'the command needs --on: which host it runs inside';
    throw new TcplabError('USAGE', missing, {
      hint: `for example: tcplab hold ${scenario.id} --on ${options.on ?? scenario.held.host} -- ss -tan`,
    });
  }
  for (const printed of ['ladder', 'json'] as const) {
    if (!options.on || !options[printed]) continue;
    throw new TcplabError('USAGE', `--${printed} can't be combined with --on`, {
      hint: `remove --${printed}: with --on, the only output is the command's own`,
    });
  }
  const programs = programsOf(options, [scenario]);
  const [program, ...args] = command;
  const isElsewhere = (name: HostName) => partsOf(name, options[name]).place !== undefined;
  if (program !== undefined && !(options.on && isElsewhere(options.on))) findProgram(program);
  if (options.count !== undefined) {
    await holdCrowd(scenario, crowdCommand(options, options.count, command));
    return;
  }
  await using hosts = await openHosts(options);
  const [{ Lab }, { reachState }] = await load();
  const signal = untilSignal();
  await using lab = await Lab.open({
    ...hosts.lab,
    ...(options.ipv6 ? { family: 'ipv6' } : {}),
    firewall: options.firewall,
    ...(options.port === undefined ? {} : { serverPort: options.port }),
  });
  if (!(await reachState(lab, scenario, { programs, withinMs: hosts.withinMs }))) {
    throw new TcplabError('TIMEOUT', `${scenario.id}: ${resultOf(lab.timeline).because}`);
  }
  if (program !== undefined && options.on) {
    const child = await lab.host(options.on).spawn(program, args);
    endCommand(child, signal, options.for);
    process.exitCode = await holdWhileRunning(lab, scenario, child);
    return;
  }
  const enough =
    options.for === undefined
      ? signal
      : Promise.race([signal, pause(options.for, undefined, { ref: false })]);
  const screen = new Screen(options.json ? process.stderr : process.stdout);
  await watch(lab, scenario, enough, screen, options.ladder ? ladderFeed(screen, options) : segmentFeed());
  const result = resultOf(lab.timeline);
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exitCode = result.verdict === 'proven' ? EXIT.proven : EXIT.notProven;
}

/** Rejects the options that are about a single connection. */
function crowdCommand(options: Options, count: number, command: string[]): CrowdCommand {
  for (const alone of ['ladder', 'server', 'client'] as const) {
    if (options[alone] === undefined) continue;
    throw new TcplabError('USAGE', `--${alone} can't be combined with --count`, {
      hint:
        alone === 'ladder'
          ? 'remove --count to see the segments of one connection: with it, packets are not captured'
          : `remove --count to use --${alone}: with it, tcplab makes the connections itself, in two namespaces`,
    });
  }
  const { for: forMs, on, port: serverPort, ipv6, firewall, json = false } = options;
  return { count, command, on, forMs, serverPort, family: ipv6 ? 'ipv6' : 'ipv4', firewall, json };
}

/** What scrolls over the status: the lines that are new since it was last asked. */
interface Feed {
  next(timeline: Timeline, knownUntilMs: number): string[];
  /** What is left when it is over. */
  end(timeline: Timeline): string[];
}

function ladderFeed({ stream }: Screen, options: Options): Feed {
  const ascii = options.ascii ?? !localeIsUtf8(process.env);
  return new LadderFeed({
    ascii,
    style: styleFor(stream),
    ...(stream.columns ? { width: stream.columns } : {}),
  });
}

function segmentFeed(): Feed {
  let printed = 0;
  // What was sent just now may be on its way still, or its arrival not read yet: its fate is not known.
  const next = (timeline: Timeline, knownUntilMs: number) => {
    const segments = resultOf(timeline).segments.map((one) => ({
      atMs: one.atMs,
      lines: [segmentLine(one)],
    }));
    const settled = [...segments, ...programLines(timeline)]
      .filter(({ atMs }) => atMs <= knownUntilMs)
      .sort((a, b) => a.atMs - b.atMs);
    const lines = settled.slice(printed).flatMap((one) => one.lines);
    printed = Math.max(printed, settled.length);
    return lines;
  };
  return { next, end: (timeline) => next(timeline, Number.POSITIVE_INFINITY) };
}

/** Shows what happens until it is enough or the state is gone. */
async function watch(
  lab: Lab,
  scenario: Scenario,
  enough: Promise<unknown>,
  screen: Screen,
  feed: Feed,
): Promise<void> {
  const style = styleFor(screen.stream);
  const sysctls = { client: await readTcpSysctls(lab.client), server: await readTcpSysctls(lab.server) };
  const print = (lines: string[]) => {
    for (const line of lines) screen.print(line);
  };
  let [over, shown] = [false, false];
  let [length, hadNews] = [0, true];
  const ended = enough.then(() => {
    over = true;
  });
  // A look brings the timeline up to its beginning.
  let lookedMs = lab.nowMs();
  print([`${style.bold(scenario.id)}: ${scenario.title}`]);
  const { hosts } = lab.timeline.of('lab-opened')[0] ?? {};
  const seesPackets = !hosts?.client.noPackets && !hosts?.server.noPackets;
  if (hosts) print(hostLines(hosts).map((line) => style.dim(line)));
  await holdState(lab, scenario, {
    wait: async () => {
      await Promise.race([ended, pause(LOOK_EVERY_MS)]);
      lookedMs = lab.nowMs();
    },
    isOver: () => over,
    onLook: async (tables) => {
      // A rule that met a packet has told of it, where packets are seen. What came with one look is settled by the next.
      const hasNews = lab.timeline.length > length || !seesPackets;
      if (hasNews || hadNews) {
        await Promise.all([lab.client.countRules(), lab.server.countRules()]);
        print(feed.next(lab.timeline, lookedMs));
      }
      [length, hadNews] = [lab.timeline.length, hasNews];
      if (shown && !screen.isLive) return;
      const status = statusLines(lab.timeline, tables, sysctls, lab.nowMs(), style);
      if (!screen.isLive) print(status);
      shown = true;
      screen.update([...status, style.dim('Ctrl-C lifts it')]);
    },
  });
  print(feed.end(lab.timeline));
  const { verdict, because, heldMs } = resultOf(lab.timeline);
  screen.finish();
  const said = `${verdict}, held for ${formatMs(heldMs ?? 0)}${because ? `: ${because}` : ''}`;
  screen.print(verdict === 'proven' ? style.good(said) : style.bad(said));
}

/** The exit status of the program, or as a shell gives it for one that a signal ended. */
async function holdWhileRunning(lab: Lab, scenario: Scenario, child: ChildProcess): Promise<number> {
  let status: number | undefined;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', (code, signalName) => {
      status = code ?? 128 + constants.signals[signalName ?? 'SIGKILL'];
      resolve();
    });
  });
  await holdState(lab, scenario, {
    wait: () => Promise.race([ended, pause(LOOK_EVERY_MS)]),
    isOver: () => status !== undefined,
    evenIfLost: true,
  });
  const { verdict, because } = resultOf(lab.timeline);
  if (verdict !== 'proven') complain(`while it ran, ${scenario.id} was ${verdict}: ${because}`);
  return status ?? EXIT.notProven;
}

/**
 * What touches the kernel, only when it is needed. Not inside hold(): tsc does not rewrite an import() that stands
 * beside `await using`.
 */
function load(): Promise<[typeof import('../lab/lab.ts'), typeof import('../scenario/reach.ts')]> {
  return Promise.all([import('../lab/lab.ts'), import('../scenario/reach.ts')]);
}
