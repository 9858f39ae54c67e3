import type { Connection } from '../src/evidence/connection.ts';
import type { HostName } from '../src/evidence/events.ts';
import type { Timeline } from '../src/evidence/timeline.ts';
import { SERVER_PORT } from '../src/lab/addresses.ts';
import type { Host } from '../src/lab/host.ts';
import type { Rule } from '../src/lab/rule.ts';
import { type RunOptions, runScenario } from '../src/scenario/run.ts';
import type { Scenario } from '../src/scenario/scenario.ts';
import type { Stage } from '../src/scenario/stage.ts';

/** Scenarios from which one thing is taken: a call that they make, a segment that they wait for, a setting. */

type Method = Exclude<keyof Host, 'name' | 'address'>;

/** A call that a scenario is about to make. */
interface Call {
  host: Host;
  args: unknown[];
  /** Makes it. */
  go: () => Promise<unknown>;
  stage: Stage;
  /** The one that is under way. */
  connection: () => Connection;
}

/** Stands between a scenario and one method of a host. */
export interface Withholding {
  host: HostName;
  method: Method;
  /** Which of its calls are meant. */
  isMeant: (args: unknown[]) => boolean;
  /** What is done in place of the call; gives the rule that keeps a segment away, if one does. */
  act: (call: Call) => Promise<{ answer: unknown; rule?: number }>;
}

/** Leaves out this call of the scenario, and reports success to it. */
export function without(host: HostName, method: Method, ...mentioning: unknown[]): Withholding {
  const answer = method === 'connect' ? 'EINPROGRESS' : undefined;
  return {
    host,
    method,
    isMeant: (args) => mentioning.every((value) => args.includes(value)),
    act: async () => ({ answer }),
  };
}

/** Something else is done in place of the call. */
export function instead(host: HostName, method: Method, act: (call: Call) => Promise<unknown>): Withholding {
  return { ...without(host, method), act: async (call) => ({ answer: await act(call) }) };
}

/** Segments of the other host that carry these flags (all, when none are named) are sent, and never given to this one. */
export function unheard(
  host: HostName,
  flags: string | null,
  from: { before: HostName; calls: Method; again?: boolean },
): Withholding {
  const port = host === 'client' ? { sourcePort: SERVER_PORT } : { destinationPort: SERVER_PORT };
  const rule: Rule = { hook: 'in', ...port, ...(flags && { flags }), fate: 'drop' };
  let calls = 0;
  return {
    host: from.before,
    method: from.calls,
    isMeant: () => ++calls === (from.again ? 2 : 1),
    async act({ go, stage }) {
      const number = await stage[host].setRule(rule);
      return { answer: await go(), rule: number };
    },
  };
}

export interface Played {
  timeline: Timeline;
  connection: Connection;
}

/** Runs the scenario without it. Throws when there was nothing to be taken, for then nothing was tried. */
export async function playWithout(
  scenario: Scenario,
  { host, method, isMeant, act }: Withholding,
  options: RunOptions,
): Promise<Played> {
  let connection: Connection | undefined;
  let times = 0;
  let rule: number | undefined;
  const known = () => {
    if (!connection) throw new Error(`${scenario.id} has made no connection`);
    return connection;
  };
  const timeline = await runScenario(
    {
      ...scenario,
      reach(stage) {
        const nextClientEndpoint = () => {
          const client = stage.nextClientEndpoint();
          connection = { client, server: stage.serverEndpoint() };
          return client;
        };
        const proxied = proxyOf(stage[host], method, async (args, go) => {
          if (!isMeant(args)) return go();
          times++;
          const done = await act({ host: stage[host], args, go, stage, connection: known });
          rule ??= done.rule;
          return done.answer;
        });
        return scenario.reach({ ...stage, nextClientEndpoint, [host]: proxied });
      },
    },
    options,
  );
  if (times === 0) throw new Error(`${scenario.id} has no ${method} of ${host}`);
  if (rule !== undefined && !timeline.of('dropped').some((event) => event.rule === rule))
    throw new Error(`${scenario.id}: no such segment came to be dropped`);
  return { timeline, connection: known() };
}

function proxyOf(
  host: Host,
  method: Method,
  take: (args: unknown[], go: () => Promise<unknown>) => Promise<unknown>,
): Host {
  return new Proxy(host, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      if (key !== method) return value.bind(target);
      return (...args: unknown[]) => take(args, () => value.apply(target, args));
    },
  });
}
