import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import type { HostName } from '../evidence/events.ts';
import { SERVER_PORT } from '../lab/addresses.ts';
import { Crowd, type CrowdPart } from '../lab/crowd.ts';
import type { FirewallKind } from '../lab/firewall.ts';
import { type Settings, settingsAsked } from '../lab/settings.ts';
import {
  type CrowdResult,
  CrowdTally,
  crowdLines,
  crowdsResult,
  crowdVerdict,
  makingLine,
} from '../report/terminal/crowd-report.ts';
import { wrapBeside } from '../report/terminal/layout.ts';
import { styleFor } from '../report/terminal/style.ts';
import { lookAtCrowd, lookAtOthers, makeCrowd, untilReached } from '../scenario/crowd.ts';
import { type CrowdPlan, type CrowdWish, planCrowds } from '../scenario/crowd-plan.ts';
import type { Family } from '../tcp/endpoint.ts';
import { complain } from './complaint.ts';
import { endCommand, statusOf } from './end-command.ts';
import { EXIT } from './exit.ts';
import { untilSignal } from './interrupt.ts';
import { ensurePrivilege } from './privileges.ts';
import { Progress } from './progress.ts';
import { Screen } from './screen.ts';

/** The options that can be combined with many connections. */
export interface CrowdCommand {
  /** More than one when several states are to be in one host. */
  wishes: readonly CrowdWish[];
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

/** Connections held by the same scenario, and what the tables showed. */
interface Held {
  plan: CrowdPlan;
  part: CrowdPart;
  tally: CrowdTally;
}

/** Scenarios many times over, at once. */
export async function holdCrowd(asked: CrowdCommand): Promise<void> {
  const { wishes, on, forMs, family, firewall, settings, json } = asked;
  const heldAt = wishes.length > 1 ? (on ?? wishes[0]?.scenario.held.host) : undefined;
  const plans = planCrowds(wishes, asked.serverPort ?? SERVER_PORT, heldAt);
  ensurePrivilege();
  const signal = untilSignal();
  let interrupted = false;
  void signal.then(() => {
    interrupted = true;
  });
  await using crowd = await Crowd.open({ parts: plans, family, firewall, settings });
  const all = crowd.parts.map((part, index): Held => {
    const plan = plans[index] as CrowdPlan;
    return { plan, part, tally: new CrowdTally(plan, family, settingsAsked(settings)) };
  });
  const startMs = performance.now();
  await make(crowd, all, () => interrupted);
  let status: number | undefined;
  if (all.every(({ tally }) => tally.result.because === null) && (await areReached(all, startMs))) {
    if (on === undefined) await watch(all, signal, forMs, json);
    else status = await watchWhileRunning(all, await commandOn(crowd, on, asked, signal));
  }
  end(
    all.map(({ tally }) => tally.result),
    { status, json },
  );
}

async function make(crowd: Crowd, all: readonly Held[], isOver: () => boolean): Promise<void> {
  const progress = new Progress(process.stderr);
  // What the kernel ends after a minute comes last.
  const isBrief = ({ plan }: Held) => (plan.scenario.held.state === 'TIME-WAIT' ? 1 : 0);
  try {
    for (const { plan, part, tally } of [...all].sort((a, b) => isBrief(a) - isBrief(b))) {
      const onSlice = (made: number, perSecond: number) => progress.show(makingLine(plan, made, perSecond));
      tally.wasMade(await makeCrowd(crowd, part, plan, { isOver, onSlice }));
      if (tally.result.because !== null) return;
    }
  } finally {
    progress.clear();
  }
}

async function areReached(all: readonly Held[], startMs: number): Promise<boolean> {
  for (const { plan, part, tally } of all) {
    const { look, reached } = await untilReached(part, plan);
    const tookMs = performance.now() - startMs;
    if (reached) tally.reached(look, tookMs);
    else tally.notReached(look, tookMs);
    if (!reached) return false;
  }
  return true;
}

/** Reports the end of the hold, unless another message did, and sets the exit status. */
function end(
  results: readonly CrowdResult[],
  { status, json }: { status: number | undefined; json: boolean },
): void {
  const result = crowdsResult(results);
  const lost = results.find(({ because }) => because !== null);
  if (status === undefined && json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else if (lost && (status !== undefined || lost.heldMs === null))
    complain(`${lost.scenario}: ${crowdVerdict(lost)}`);
  process.exitCode = status || (result.held ? EXIT.proven : EXIT.notProven);
}

/** Shows the progress until the time is over, or a connection is lost. */
async function watch(
  all: readonly Held[],
  signal: Promise<number>,
  forMs: number | undefined,
  json: boolean,
): Promise<void> {
  using screen = new Screen(json ? process.stderr : process.stdout);
  const style = styleFor(screen.stream);
  const wrapped = (text: string) => wrapBeside('', text, screen.columns);
  for (const { plan } of all) {
    const { id, title } = plan.scenario;
    const heading = wrapped(`${id}, ${plan.count} times: ${title}`);
    screen.print(...heading.map((line) => line.replace(id, style.bold)));
  }
  const results = () => all.map(({ tally }) => tally.result);
  const lines = (columns: number) => crowdLines(results(), { style, columns });
  if (!screen.isLive) screen.print(...lines(screen.columns));
  const update = () => screen.update((columns) => [...lines(columns), style.dim('Ctrl-C stops the hold')]);
  update();
  await lookUntil(all, enough(signal, forMs), { onLook: update });
  screen.update(lines);
  screen.finish();
  for (const result of results()) {
    const verdict = `${all.length > 1 ? `${result.scenario}: ` : ''}${crowdVerdict(result)}`;
    screen.print(...wrapped(verdict).map(result.held ? style.good : style.bad));
  }
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
async function watchWhileRunning(all: readonly Held[], child: ChildProcess): Promise<number> {
  const ended = statusOf(child);
  await lookUntil(all, { promise: ended, cancel: () => {} }, { evenIfLost: true });
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

/** Looks about once a second, less often where a look takes long, and once more at the end. */
async function lookUntil(
  all: readonly Held[],
  { promise, cancel }: Enough,
  { onLook = () => {}, evenIfLost = false }: { onLook?: () => void; evenIfLost?: boolean },
): Promise<void> {
  const fromMs = performance.now();
  let over = false;
  const ended = promise.then(() => {
    over = true;
  });
  let tookMs = 0;
  const isLost = () => all.some(({ tally }) => tally.result.because !== null);
  while (!over && (evenIfLost || !isLost())) {
    const timer = cancellablePause(Math.max(LOOK_EVERY_MS, 4 * tookMs));
    await Promise.race([ended, timer.promise]);
    timer.cancel();
    const startMs = performance.now();
    for (const { part, plan, tally } of all) {
      const look = lookAtCrowd(part, plan);
      tally.looked(lookAtOthers(part, plan, look), startMs - fromMs);
    }
    tookMs = performance.now() - startMs;
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
