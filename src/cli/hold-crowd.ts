import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import type { HostName } from '../evidence/events.ts';
import { SERVER_PORT } from '../lab/addresses.ts';
import { Crowd } from '../lab/crowd.ts';
import type { FirewallKind } from '../lab/firewall.ts';
import { type Settings, settingsAsked } from '../lab/settings.ts';
import {
  CrowdCourse,
  type CrowdResult,
  crowdLines,
  crowdVerdict,
  makingLine,
} from '../report/terminal/crowd-report.ts';
import { wrapBeside } from '../report/terminal/layout.ts';
import { styleFor } from '../report/terminal/style.ts';
import { lookAtCrowd, makeCrowd, untilReached } from '../scenario/crowd.ts';
import { type CrowdPlan, planCrowd } from '../scenario/crowd-plan.ts';
import type { Scenario } from '../scenario/scenario.ts';
import type { Family } from '../tcp/endpoint.ts';
import { complain } from './complaint.ts';
import { endCommand, statusOf } from './end-command.ts';
import { EXIT } from './exit.ts';
import { untilSignal } from './interrupt.ts';
import { ensurePrivilege } from './privileges.ts';
import { Progress } from './progress.ts';
import { Screen } from './screen.ts';

/** What was asked for, as far as it goes with many connections. */
export interface CrowdCommand {
  count: number;
  command: readonly string[];
  on: HostName | undefined;
  forMs: number | undefined;
  serverPort: number | undefined;
  family: Family;
  firewall: FirewallKind;
  settings: Settings;
  json: boolean;
}

/** How often tcplab reads the tables: each row costs, and none comes back that was lost. */
const LOOK_EVERY_MS = 1000;

/** A scenario many times over, at once. */
export async function holdCrowd(scenario: Scenario, asked: CrowdCommand): Promise<void> {
  const { count, on, forMs, family, firewall, settings, json } = asked;
  const plan = planCrowd(scenario, count);
  ensurePrivilege();
  const signal = untilSignal();
  let interrupted = false;
  void signal.then(() => {
    interrupted = true;
  });
  const serverPort = asked.serverPort ?? SERVER_PORT;
  await using crowd = await Crowd.open({ ...plan, family, firewall, serverPort, settings });
  const course = new CrowdCourse(plan, family, settingsAsked(settings));
  const progress = new Progress(process.stderr);
  const startMs = performance.now();
  const isOver = () => interrupted;
  const onSlice = (made: number, perSecond: number) => progress.show(makingLine(plan, made, perSecond));
  try {
    course.wasMade(await makeCrowd(crowd, plan, { isOver, onSlice }));
  } finally {
    progress.clear();
  }
  let status: number | undefined;
  if (course.result.because === null) {
    const { look, reached } = await untilReached(crowd, plan);
    const tookMs = performance.now() - startMs;
    if (!reached) course.notReached(look, tookMs);
    else {
      course.reached(look, tookMs);
      if (on === undefined) await watch(crowd, plan, course, signal, forMs, json);
      else status = await watchWhileRunning(crowd, plan, course, await commandOn(crowd, on, asked, signal));
    }
  }
  const { result } = course;
  end(result, { status, json });
}

/** Says how it ended, where nobody else does, and ends with a status that says so. */
function end(result: CrowdResult, { status, json }: { status: number | undefined; json: boolean }): void {
  if (status === undefined && json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else if (!result.held && (status !== undefined || result.heldMs === null))
    complain(`${result.scenario}: ${crowdVerdict(result)}`);
  process.exitCode = status || (result.held ? EXIT.proven : EXIT.notProven);
}

/** Shows how it stands until it is enough, or some of it is lost. */
async function watch(
  crowd: Crowd,
  plan: CrowdPlan,
  course: CrowdCourse,
  signal: Promise<number>,
  forMs: number | undefined,
  json: boolean,
): Promise<void> {
  using screen = new Screen(json ? process.stderr : process.stdout);
  const style = styleFor(screen.stream);
  const { id, title } = plan.scenario;
  const wrapped = (text: string) => wrapBeside('', text, screen.columns);
  const heading = wrapped(`${id}, ${plan.count} times: ${title}`);
  screen.print(...heading.map((line) => line.replace(id, style.bold)));
  const lines = (columns: number) => crowdLines(course.result, { style, columns });
  if (!screen.isLive) screen.print(...lines(screen.columns));
  const update = () => screen.update((columns) => [...lines(columns), style.dim('Ctrl-C stops the hold')]);
  update();
  await lookUntil(crowd, plan, course, enough(signal, forMs), { onLook: update });
  const { result } = course;
  screen.update(lines);
  screen.finish();
  screen.print(...wrapped(crowdVerdict(result)).map(result.held ? style.good : style.bad));
}

async function commandOn(
  crowd: Crowd,
  on: HostName,
  { command: [program = '', ...args], forMs }: CrowdCommand,
  signal: Promise<number>,
): Promise<ChildProcess> {
  const child = await crowd.host(on).spawn(program, args);
  endCommand(child, signal, forMs);
  return child;
}

/** Gives the exit status of the program, or as a shell gives it for one that a signal ended. */
async function watchWhileRunning(
  crowd: Crowd,
  plan: CrowdPlan,
  course: CrowdCourse,
  child: ChildProcess,
): Promise<number> {
  const ended = statusOf(child);
  await lookUntil(crowd, plan, course, { promise: ended, cancel: () => {} }, { evenIfLost: true });
  return ended;
}

/** Something that ends the looking, and what has it end no more. */
interface Enough {
  promise: Promise<unknown>;
  cancel: () => void;
}

function enough(signal: Promise<number>, forMs: number | undefined): Enough {
  if (forMs === undefined) return { promise: signal, cancel: () => {} };
  const timer = cancellablePause(forMs);
  return { promise: Promise.race([signal, timer.promise]), cancel: timer.cancel };
}

/** Looks about once a second, and once more at the end. */
async function lookUntil(
  crowd: Crowd,
  plan: CrowdPlan,
  course: CrowdCourse,
  { promise, cancel }: Enough,
  { onLook = () => {}, evenIfLost = false }: { onLook?: () => void; evenIfLost?: boolean },
): Promise<void> {
  const fromMs = performance.now();
  let over = false;
  const ended = promise.then(() => {
    over = true;
  });
  while (!over && (evenIfLost || course.result.because === null)) {
    const timer = cancellablePause(LOOK_EVERY_MS);
    await Promise.race([ended, timer.promise]);
    timer.cancel();
    course.looked(lookAtCrowd(crowd, plan), performance.now() - fromMs);
    onLook();
  }
  cancel();
}

/** A timer that was started and is not waited for would keep the process. */
function cancellablePause(ms: number): Enough {
  const abort = new AbortController();
  const promise = pause(ms, undefined, { signal: abort.signal }).catch(() => {});
  return { promise, cancel: () => abort.abort() };
}
