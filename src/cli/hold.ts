import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { TcplabError } from '../error.ts';
import { type Connection, isSelf } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import { type Passage, PassageFeed } from '../evidence/segments.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { CROWD_PORTS } from '../lab/client-ports.ts';
import type { FirewallKind } from '../lab/firewall.ts';
import type { Lab } from '../lab/lab.ts';
import { announceLab } from '../lab/open-labs.ts';
import { readTcpSysctls } from '../lab/tcp-sysctls.ts';
import { TimelineRecorder } from '../report/files/timeline/recorder.ts';
import { hostLines } from '../report/story/host-lines.ts';
import { resultOf, segmentReports, unseenNotes } from '../report/story/result.ts';
import { runStarted } from '../report/story/run-started.ts';
import { LadderFeed } from '../report/terminal/ladder/feed.ts';
import { localeIsUtf8 } from '../report/terminal/ladder/glyphs.ts';
import { wrapBeside } from '../report/terminal/layout.ts';
import { programLines } from '../report/terminal/program-lines.ts';
import { segmentLegend, segmentLines, timeLabel } from '../report/terminal/segment-line.ts';
import { statusLines } from '../report/terminal/status.ts';
import { styleFor } from '../report/terminal/style.ts';
import { formatMs } from '../report/words/time.ts';
import type { CrowdWish } from '../scenario/crowd-plan.ts';
import { holdState } from '../scenario/hold.ts';
import { openLabFor } from '../scenario/open-lab-for.ts';
import { reachState } from '../scenario/reach.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { durationOption, scenarioNamed } from './arguments.ts';
import { newCommand } from './commands.ts';
import { complain } from './complaint.ts';
import { type Counts, nameGiven, parseCounts, wishesOf } from './counts.ts';
import { endCommand, statusOf } from './end-command.ts';
import { EXIT } from './exit.ts';
import { findProgram } from './find-program.ts';
import { helpEnd, OPTION_GROUPS } from './help.ts';
import { type CrowdCommand, holdCrowd } from './hold-crowd.ts';
import { ABOUT_HOSTS, addLabOptions, openHosts, partsOf } from './host-options.ts';
import { untilSignal } from './interrupt.ts';
import { OutputFile } from './output-file.ts';
import { addProgramOptions, type ProgramOptions, programsOf } from './program-options.ts';
import { type DrawBlock, Screen } from './screen.ts';
import { keepMemorySmall } from './small-memory.ts';

interface Options extends ProgramOptions {
  count?: Counts;
  for?: number;
  on?: HostName;
  ipv6?: boolean;
  firewall: FirewallKind;
  json?: boolean;
  ladder?: boolean;
  timeline?: string;
  ascii?: boolean;
}

/** How often a hold reads the socket tables. */
const LOOK_EVERY_MS = 200;

/** After a poll with so many events the next one comes at once: a capture has room for about as many. */
const MANY = 2000;

export function holdCommand(): Command {
  const command = newCommand('hold')
    .description(
      'Put a connection into a state and keep it there. Shows both ends, each segment, the rules and the running timer ' +
        'until Ctrl-C. With --on, runs a command inside a host while the state is held, and exits with its status. ' +
        '`tcplab NAME` is short for `tcplab hold NAME`.',
    )
    .argument('[name]', 'a scenario, a state in any spelling, or a transition (see `tcplab list`)')
    .argument('[command...]', 'after `--`: the command to run inside the host')
    .addOption(new Option('--on <host>', 'host that the command runs inside').choices(['client', 'server']))
    .addOption(
      durationOption('--for <duration>', 'time after which the hold and the command end, such as 30s'),
    )
    .option(
      '--count <number>',
      'number of connections to hold at once; without a name, a list such as close-wait=1000,syn-sent=200 puts them all into one host',
      parseCounts,
    )
    .option('--ladder', 'live sequence diagram in place of the list of segments')
    .option('--json', 'one JSON object at the end (like one of `results` of `tcplab run --json`)');
  addProgramOptions(command)
    .addOption(
      new Option('--timeline <file>', 'all events, for `tcplab replay` (docs/timeline.md)').helpGroup(
        OPTION_GROUPS.output,
      ),
    )
    .addOption(
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
          'tcplab hold fin-wait-2-orphaned --sysctl client:tcp_fin_timeout=5',
          'tcplab hold close-wait-sending --option server:TCP_USER_TIMEOUT=3000',
          'tcplab hold close-wait --count 10000 --on server -- ss -s',
          "tcplab hold --count 'close-wait=1000,syn-sent=200' --on server -- ss -s",
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

async function hold(name: string | undefined, rest: string[], options: Options): Promise<void> {
  // With a list of names, the first argument belongs to the command.
  const isList = typeof options.count === 'object';
  const command = isList && name !== undefined ? [name, ...rest] : rest;
  const wishes = options.count === undefined ? undefined : await wishesOf(name, options.count);
  const scenario = wishes?.[0]?.scenario ?? (await scenarioNamed(nameGiven(name)));
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
  if (wishes) {
    await holdCrowd(await crowdCommand(options, wishes, command));
    return;
  }
  keepMemorySmall();
  await using hosts = await openHosts(options);
  const signal = untilSignal();
  await using lab = await openLabFor(scenario, {
    ...hosts.lab,
    ...(options.ipv6 ? { family: 'ipv6' } : {}),
    firewall: options.firewall,
    ...(options.port === undefined ? {} : { serverPort: options.port }),
  });
  using _ = hosts.areElsewhere ? undefined : announceLab(lab, scenario.id, new Date());
  const file = options.timeline === undefined ? undefined : new OutputFile(options.timeline);
  const recorder =
    file &&
    new TimelineRecorder(runStarted(hosts.privilege, [scenario], 1), lab.timeline, (text) =>
      file.write(text),
    );
  const save = () => {
    recorder?.end();
    file?.close();
  };
  const connection = await reachState(lab, scenario, { programs, withinMs: hosts.withinMs });
  if (!connection) {
    save();
    throw new TcplabError('TIMEOUT', `${scenario.id}: ${resultOf(lab.timeline).because}`);
  }
  if (program !== undefined && options.on) {
    const child = await lab.host(options.on).spawn(program, args);
    endCommand(child, signal, options.for);
    process.exitCode = await holdWhileRunning(lab, scenario, child);
    save();
    return;
  }
  const enough =
    options.for === undefined
      ? signal
      : Promise.race([signal, pause(options.for, undefined, { ref: false })]);
  using screen = new Screen(options.json ? process.stderr : process.stdout);
  await watch(
    lab,
    scenario,
    connection,
    enough,
    screen,
    options.ladder ? ladderFeed(screen, options) : segmentFeed(screen, isSelf(connection)),
  );
  save();
  const result = resultOf(lab.timeline);
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exitCode = result.verdict === 'proven' ? EXIT.proven : EXIT.notProven;
}

/** Rejects the options that are about a single connection. */
async function crowdCommand(options: Options, wishes: CrowdWish[], command: string[]): Promise<CrowdCommand> {
  const onlyAlone = {
    ladder: 'see the segments of one connection: with it, packets are not captured',
    timeline: 'see the segments of one connection: with it, packets are not captured',
    server: 'use --server: with it, tcplab makes the connections itself, in two namespaces',
    client: 'use --client: with it, tcplab makes the connections itself, in two namespaces',
    clientPort: `choose a port: with it, each connection needs one of its own, and they have those from ${CROWD_PORTS.last} down`,
  } as const;
  for (const [name, use] of Object.entries(onlyAlone)) {
    if (options[name as keyof typeof onlyAlone] === undefined) continue;
    const flag = name === 'clientPort' ? 'client-port' : name;
    throw new TcplabError('USAGE', `--${flag} can't be combined with --count`, {
      hint: `remove --count to ${use}`,
    });
  }
  const { for: forMs, on, port: serverPort, ipv6, firewall, json = false } = options;
  const { settingsOf } = await import('./settings-of.ts');
  const settings = settingsOf(options);
  return { wishes, command, on, forMs, serverPort, family: ipv6 ? 'ipv6' : 'ipv4', firewall, settings, json };
}

/** What scrolls above the status: the lines that are new since the last call. */
interface Feed {
  begin(): string[];
  next(timeline: Timeline, connection: Connection, knownUntilMs: number): string[];
  /** The rest, when it is over. */
  end(timeline: Timeline, connection: Connection): string[];
}

function ladderFeed(screen: Screen, options: Options): Feed {
  const ascii = options.ascii ?? !localeIsUtf8(process.env);
  const feed = new LadderFeed({ ascii, style: styleFor(screen.stream) });
  return {
    begin: () => [],
    next: (timeline, _, knownUntilMs) => feed.next(timeline, knownUntilMs, screen.columns),
    end: (timeline) => feed.end(timeline, screen.columns),
  };
}

/** More segments than these in one poll are not printed one by one: the first and the last of them are. */
const MOST_LINES = 200;

function segmentFeed(screen: Screen, isToItself: boolean): Feed {
  const feed = new PassageFeed();
  let printed = 0;
  const lines = (timeline: Timeline, passages: readonly Passage[], programs: Said[]) => {
    printed += programs.length;
    const { columns } = screen;
    const few = passages.length <= MOST_LINES;
    const shown = few ? passages : [...passages.slice(0, MOST_LINES / 2), ...passages.slice(-MOST_LINES / 2)];
    const said: Said[] = segmentReports(shown, timeline).map((one) => ({
      atMs: one.atMs,
      lines: segmentLines(one, columns, isToItself),
    }));
    if (!few) {
      const { atMs } = shown[MOST_LINES / 2] as Passage;
      const text = `${passages.length - shown.length} more segments, not shown`;
      said.splice(MOST_LINES / 2, 0, { atMs, lines: wrapBeside(timeLabel(atMs, columns), text, columns) });
    }
    return [...said, ...programs].sort((a, b) => a.atMs - b.atMs).flatMap((one) => one.lines);
  };
  const programs = (timeline: Timeline) => programLines(timeline, screen.columns).slice(printed);
  return {
    begin: () => segmentLegend(screen.columns, isToItself).map(styleFor(screen.stream).dim),
    next: (timeline, connection, knownUntilMs) => {
      const said = programs(timeline).filter(({ atMs }) => atMs <= knownUntilMs);
      return lines(timeline, feed.next(timeline, connection), said);
    },
    end: (timeline, connection) => lines(timeline, feed.rest(timeline, connection), programs(timeline)),
  };
}

/** Lines that scroll by, with the times of their events. */
interface Said {
  atMs: number;
  lines: string[];
}

/** Shows what happens until it is enough or the state is lost. */
async function watch(
  lab: Lab,
  scenario: Scenario,
  connection: Connection,
  enough: Promise<unknown>,
  screen: Screen,
  feed: Feed,
): Promise<void> {
  const style = styleFor(screen.stream);
  const sysctls = { client: await readTcpSysctls(lab.client), server: await readTcpSysctls(lab.server) };
  const wrapped = (text: string) => wrapBeside('', text, screen.columns);
  let over = false;
  let status: DrawBlock | undefined;
  let [length, hadNews, isBusy, isPrinted] = [0, true, false, false];
  const ended = enough.then(() => {
    over = true;
  });
  // A look brings the timeline up to its beginning.
  let lookedMs = lab.nowMs();
  const beganMs = lookedMs;
  const title = wrapped(`${scenario.id}: ${scenario.title}`);
  screen.print(...title.map((line) => line.replace(scenario.id, style.bold)));
  const { hosts } = lab.timeline.of('lab-opened')[0] ?? {};
  const seesPackets = !hosts?.client.noPackets && !hosts?.server.noPackets;
  if (hosts) screen.print(...hostLines(hosts).flatMap(wrapped).map(style.dim));
  screen.print(...feed.begin());
  await holdState(lab, scenario, {
    wait: async () => {
      await Promise.race([ended, pause(isBusy ? 0 : LOOK_EVERY_MS)]);
      lookedMs = lab.nowMs();
    },
    isOver: () => over,
    onLook: async (tables) => {
      // Where packets are captured, a rule that matched one has shown it. What came with one look is settled by the next.
      const hasNews = lab.timeline.added > length || !seesPackets;
      if (hasNews || hadNews) {
        await Promise.all([lab.client.countRules(), lab.server.countRules()]);
        screen.print(...feed.next(lab.timeline, connection, lookedMs));
      }
      isBusy = lab.timeline.added - length > MANY;
      [length, hadNews] = [lab.timeline.added, hasNews];
      const nowMs = lab.nowMs();
      const drawn = (columns: number) =>
        statusLines(lab.timeline, tables, sysctls, nowMs, { style, columns });
      status = drawn;
      // By the second sample, all that happened before the hold is printed above.
      if (!screen.isLive && !isPrinted && lookedMs - beganMs > LOOK_EVERY_MS / 2) {
        screen.print(...drawn(screen.columns), '');
        isPrinted = true;
      }
      screen.update((columns) => [...drawn(columns), style.dim('Ctrl-C stops the hold')]);
    },
  });
  screen.print(...feed.end(lab.timeline, connection));
  if (status && !screen.isLive && !isPrinted) screen.print(...status(screen.columns), '');
  if (status) screen.update(status);
  const { verdict, because, heldMs } = resultOf(lab.timeline);
  screen.finish();
  const found = `${verdict}, held for ${formatMs(heldMs ?? 0)}${because ? `: ${because}` : ''}`;
  const tone = verdict === 'proven' ? style.good : style.bad;
  screen.print(...wrapped(found).map(tone));
  screen.print(...unseenNotes(lab.timeline.of('held')[0]).flatMap(wrapped));
}

/** The exit status of the program, or as a shell gives it for one that a signal ended. */
async function holdWhileRunning(lab: Lab, scenario: Scenario, child: ChildProcess): Promise<number> {
  let status: number | undefined;
  const ended = statusOf(child).then((given) => {
    status = given;
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
