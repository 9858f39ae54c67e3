import { readFileSync } from 'node:fs';
import { arch, release } from 'node:os';
import { TcplabError } from '../error.ts';
import { isObject } from '../evidence/shape.ts';
import { VERSION } from '../evidence/version.ts';
import { currentPrivilege } from '../kernel/privileges.ts';
import { adoptOrphans, descendantsOf, killProcess, networkOf } from '../kernel/process.ts';
import { type Host, SOCKET_CALLS, type StartOptions } from '../lab/host.ts';
import type { Program } from '../lab/program.ts';
import type { Rule } from '../lab/rule.ts';
import type { Family } from '../tcp/endpoint.ts';
import { agentName, JournalWriter } from './journal.ts';
import { findLeftovers, takeBackAll } from './leftovers.ts';
import {
  AGENT_FORMAT,
  type Answer,
  decode,
  encode,
  encodeError,
  type FromAgent,
  type Greeting,
  Lines,
  type Request,
} from './protocol.ts';
import { closePort, freePort, freePorts, openPort, ownAddresses, tryPort } from './reachability.ts';
import {
  type ClockFace,
  openSharedHost,
  readClocks,
  type SharedHost,
  type SharedHostAbilities,
  type SharedHostRequest,
} from './shared-host.ts';
import { AGENT_SILENCE_MS, Watchdog } from './watchdog.ts';

/** The host methods that an agent offers. Those that need a stream or this process have their own messages. */
const HOST_CALLS: readonly (keyof Host)[] = [
  ...SOCKET_CALLS,
  'localEndpoint',
  'remoteEndpoint',
  'openSockets',
  'destroySocket',
  'sendSegment',
  'sendIcmp',
  'holdBack',
  'release',
  'watchLoopback',
  'liftRule',
  'countRules',
  'count',
  'readSysctl',
  'writeSysctl',
  'giveLocalPorts',
  'observe',
];

/** What an agent can be asked for, besides the methods of the hosts that it has opened. */
export interface AgentCalls {
  clock(): ClockFace;
  ownAddresses(family: Family): ReturnType<typeof ownAddresses>;
  openPort(address: string): Promise<number>;
  closePort(port: number, withinMs: number): Promise<string | null>;
  tryPort(address: string, port: number, withinMs: number): ReturnType<typeof tryPort>;
  freePort(address: string): Promise<number>;
  freePorts(family: Family, address: string, count: number): number;
  /** Gives the number by which the host is called, and what it can do. */
  open(request: SharedHostRequest): Promise<{ host: number; abilities: SharedHostAbilities }>;
  dispose(host: number): Promise<void>;
  /** `number`: its number in the lab; so for a program. */
  setRule(host: number, number: number, rule: Rule): Promise<void>;
  /** The program's output and exit become events on the timeline. */
  startProgram(
    host: number,
    number: number,
    command: string | readonly string[],
    options: Pick<StartOptions, 'directory' | 'user'>,
  ): Promise<{ pid: number; command: string }>;
  /** For a program that enters the host another way: returns the environment variables that it needs. */
  expectProgram(host: number): NodeJS.ProcessEnv;
  signalProgram(host: number, program: number, signal: NodeJS.Signals, to: 'group' | 'process'): void;
  stopProgram(host: number, program: number, graceMs: number): Promise<number>;
  /** The leftovers of exited agents on the machine. `remove`: removes them, and returns those that it could not. */
  clean(remove: boolean): { found: string[]; failures: string[] };
}

interface Opened extends SharedHost {
  programs: Map<number, Program>;
  /** The host gets no further calls. */
  isOver: boolean;
}

/**
 * Serves hosts on this machine to the process at the other end of stdin and stdout, until that process ends or is silent
 * for too long. In every case all changes are undone: by the agent, or else by its watchdog.
 */
export async function serve(onReady: () => void): Promise<void> {
  const journal = new JournalWriter();
  const watchdog = await Watchdog.start(journal.path, agentName());
  onReady();
  adoptOrphans();
  const hosts = new Map<number, Opened>();
  let lastHost = 0;
  let isEnding = false;

  const say = (message: FromAgent | Greeting) => void process.stdout.write(`${JSON.stringify(message)}\n`);
  const hostAt = (number: number): Opened => {
    const opened = hosts.get(number);
    if (!opened || opened.isOver) throw new TcplabError('USAGE', 'the lab is closed');
    return opened;
  };
  const programAt = (host: number, program: number): Program => {
    const found = hostAt(host).programs.get(program);
    if (!found) throw new TcplabError('USAGE', `program ${program} does not exist`);
    return found;
  };

  const calls: AgentCalls = {
    clock: readClocks,
    ownAddresses,
    openPort,
    closePort,
    tryPort,
    freePort,
    freePorts,
    async open(request) {
      const number = ++lastHost;
      const opened = await openSharedHost(
        request,
        (undo) => journal.add(undo),
        (event) => say({ host: number, event }),
      );
      hosts.set(number, { ...opened, programs: new Map(), isOver: isEnding });
      // What came meanwhile ends everything, and this has not been there yet.
      if (isEnding) await opened.dispose();
      return { host: number, abilities: opened.abilities };
    },
    async dispose(number) {
      const opened = hosts.get(number);
      if (!opened) return;
      opened.isOver = true;
      await opened.dispose();
      // Where that failed it stays known, and is tried once more at the end.
      hosts.delete(number);
    },
    async setRule(number, rule, value) {
      await hostAt(number).host.setRule(value, rule);
    },
    async startProgram(number, program, command, options) {
      const { host, programs } = hostAt(number);
      const started = await host.start(command, options, program);
      programs.set(program, started);
      return { pid: started.pid, command: started.command };
    },
    expectProgram: (host) => hostAt(host).host.expectProgram(),
    signalProgram: (host, program, signal, to) => programAt(host, program).signal(signal, to),
    stopProgram: (host, program, graceMs) => programAt(host, program).stop(graceMs),
    clean(remove) {
      const found = findLeftovers();
      const failures = remove ? found.flatMap(({ mend, remove }) => failureOf(mend, remove)) : [];
      return { found: found.map(({ mend }) => mend), failures };
    },
  };

  const answer = async ({ id, call, args }: Request): Promise<Answer> => {
    try {
      const [, host, method] = /^host (\d+) (\w+)$/.exec(call) ?? [];
      const name = method ?? call;
      const isKnown =
        host === undefined ? Object.hasOwn(calls, name) : HOST_CALLS.some((known) => known === name);
      if (!isKnown) throw new TcplabError('USAGE', `unknown call '${call}'`);
      const target: object = host === undefined ? calls : hostAt(Number(host)).host;
      const work = Reflect.get(target, name) as (...args: unknown[]) => unknown;
      const result = await work.apply(target, decode(args) as unknown[]);
      return { id, result: encode(result) };
    } catch (error) {
      return { id, error: encodeError(error) };
    }
  };

  let end: () => void = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  let silence = setTimeout(end, AGENT_SILENCE_MS);
  const lines = new Lines();
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', (text: string) => {
    watchdog.feed();
    clearTimeout(silence);
    silence = setTimeout(end, AGENT_SILENCE_MS);
    try {
      for (const line of lines.take(text)) {
        const request = parse(line);
        if (request) void answer(request).then(say);
      }
    } catch {
      end();
    }
  });
  for (const event of ['end', 'error'] as const) process.stdin.on(event, end);
  // Without a reader there is nothing to do but undo. A command of tcplab's would exit at once.
  process.stdout.removeAllListeners('error').on('error', end);
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    // A command of tcplab's would end at once.
    process.removeAllListeners(signal);
    process.on(signal, end);
  }
  void watchdog.gone.then(() => {
    if (isEnding) return;
    process.stderr.write('the watchdog of this agent was stopped: the agent undoes its changes and exits\n');
    end();
  });

  say({
    tcplab: AGENT_FORMAT,
    version: VERSION,
    machine: { kernel: release(), arch: arch(), node: process.version },
    privilege: currentPrivilege(),
    network: `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${networkOf(process.pid)}`,
  });
  await over;
  isEnding = true;
  const ended = await Promise.allSettled([...hosts.values()].map((opened) => opened.dispose()));
  const failures = takeBackAll(journal.path);
  // The rest are daemons that have reset their environment; as descendants of this process they are ours.
  for (const pid of descendantsOf([process.pid])) if (pid !== watchdog.pid) killProcess(pid);
  // The watchdog retries what failed, as soon as this process has exited.
  if (failures.length === 0 && ended.every(({ status }) => status === 'fulfilled')) await watchdog.dismiss();
}

function failureOf(mend: string, remove: () => void): string[] {
  try {
    remove();
    return [];
  } catch (error) {
    return [`${mend}: ${(error as Error).message}`];
  }
}

function parse(line: string): Request | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) && typeof value['call'] === 'string' && Array.isArray(value['args'])
      ? (value as unknown as Request)
      : undefined;
  } catch {
    // The half of a line that a killed tcplab has sent.
    return undefined;
  }
}
