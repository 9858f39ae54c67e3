import { setTimeout as pause } from 'node:timers/promises';
import { errorsOf } from '../error.ts';
import { fitting, host as hostName, milliseconds, mustFit, nonEmpty, work } from '../evidence/arguments.ts';
import { isObject, object, oneOf, optional, type Shape } from '../evidence/shape.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { LAB_FIELDS, type Lab, type LabOptions } from '../lab/lab.ts';
import { STATES } from '../tcp/state.ts';
import { holdState } from './hold.ts';
import { openLabFor } from './open-lab-for.ts';
import type { Programs } from './program-end.ts';
import { reachState } from './reach.ts';
import type { Scenario } from './scenario.ts';
import type { Turn } from './turn.ts';

export interface RunOptions extends LabOptions {
  /** How long the state is held, from when both ends have reached theirs. */
  holdMs?: number;
  /** How long it may take to reach them. */
  withinMs?: number | undefined;
  /** What plays an end, in place of tcplab's own calls. */
  programs?: Programs | undefined;
  /** Shared by those that run side by side. */
  turn?: Turn;
  /** Runs during the hold, such as a test's sabotage. */
  during?: (lab: Lab) => Promise<void>;
}

const SCENARIO: Shape<Scenario> = fitting(
  'a scenario, such as CATALOGUE has',
  (value) => isObject(value) && typeof value['id'] === 'string' && typeof value['reach'] === 'function',
);
const state = oneOf(...STATES);
const HELD: Shape<Scenario['held']> = object({ host: hostName, state });
const RUN = object<RunOptions>({
  ...LAB_FIELDS,
  holdMs: optional(milliseconds),
  withinMs: optional(milliseconds),
  programs: optional(object<Programs>({ client: optional(nonEmpty), server: optional(nonEmpty) })),
  turn: optional(fitting<Turn>('a turn', isObject)),
  during: optional(work<(lab: Lab) => Promise<void>>()),
});

const DEFAULT_HOLD_MS = 100;

/** Brings a scenario into its state in a lab of its own, holds it, and gives the timeline of all that was seen. */
export async function runScenario(scenario: Scenario, options: RunOptions = {}): Promise<Timeline> {
  const { id } = Object(scenario) as Partial<Scenario>;
  const named = typeof scenario === 'string' ? scenario : 'close-wait';
  mustFit('runScenario() scenario', SCENARIO, scenario, `example: runScenario(findScenarios('${named}')[0])`);
  mustFit(`runScenario() scenario ${id}: held`, HELD, scenario.held);
  mustFit(`runScenario() scenario ${id}: peer`, state, scenario.peer);
  mustFit('runScenario() options', RUN, options, 'example: runScenario(scenario, { holdMs: 1000 })');
  const pass = (await options.turn?.take()) ?? (() => {});
  try {
    await using lab = await openLabFor(scenario, labOptions(options));
    // What is brief keeps its turn until it was held.
    const mayPass = scenario.brief ? () => {} : pass;
    const reached = await reachState(lab, scenario, { ...options, onIdle: mayPass });
    mayPass();
    if (reached) await holdFor(lab, scenario, options);
    await lab.count();
    return lab.timeline;
  } catch (error) {
    // An error of the disposal must not hide why the run failed.
    throw errorsOf(error)[0];
  } finally {
    pass();
  }
}

function labOptions(options: RunOptions): LabOptions {
  const isOfLab = ([name]: [string, unknown]) => Object.hasOwn(LAB_FIELDS, name);
  return Object.fromEntries(Object.entries(options).filter(isOfLab));
}

/** Looks ten times or more. */
async function holdFor(lab: Lab, scenario: Scenario, options: RunOptions): Promise<void> {
  const holdMs = options.holdMs ?? DEFAULT_HOLD_MS;
  const startMs = lab.nowMs();
  const elapsedMs = () => lab.nowMs() - startMs;
  // What `during` does is seen by the poll after it, however late a busy machine calls it.
  let [toDo, isSeen] = [options.during, options.during === undefined];
  await holdState(lab, scenario, {
    wait: () => pause(Math.min(Math.max(holdMs / 10, 5), 100, Math.max(1, holdMs - elapsedMs()))),
    isOver: () => isSeen && elapsedMs() >= holdMs,
    onLook: async () => {
      if (toDo && elapsedMs() < holdMs / 2) return;
      if (!toDo) isSeen = true;
      const act = toDo;
      toDo = undefined;
      await act?.(lab);
    },
  });
}
