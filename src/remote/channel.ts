import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { DIST } from '../dist.ts';
import { TcplabError } from '../error.ts';
import { isObject } from '../evidence/shape.ts';
import { VERSION } from '../evidence/version.ts';
import { monotonicNs, realtimeOffsetNs } from '../kernel/clock.ts';
import { signalGroup } from '../kernel/process.ts';
import { shellWord } from '../lab/shell-word.ts';
import { printableJson } from '../printable.ts';
import type { AgentCalls } from './agent.ts';
import { flawOfMessage, hasResult, kindOf } from './answers.ts';
import { bundleFor, type Target } from './bundle.ts';
import { explainFailure } from './channel-failure.ts';
import { agentHere, type Place } from './place.ts';
import {
  AGENT_FORMAT,
  type Answer,
  decode,
  decodeError,
  encode,
  type Greeting,
  Lines,
  type News,
} from './protocol.ts';
import { SILENCE_MS } from './watchdog.ts';

/** A machine emulated in software, on a busy one, needs half of it from ssh to the first line. */
const GREETING_WITHIN_MS = 60_000;
/** Often enough that neither side takes the other for dead. */
const BEAT_MS = 2000;
/** How many characters of the other side's stderr are kept. */
const KEPT = 4000;

/** How far another machine's clocks are ahead of this one's. */
interface ClockReading {
  /** By its time of day. */
  aheadMs: number;
  /** Of the clock that stamps its events, against CLOCK_MONOTONIC here: each has a beginning of its own. */
  offsetMs: number;
  /** How far both may be wrong, in either direction: half of the round trip in which they were read. */
  errorMs: number;
}

/** What a loader finds at its place, or what keeps it from its work. */
type LoaderSays = (Target & { node: string; installed: boolean }) | { error: string; errno?: string };

/** The connection to an agent on another host: calls and their answers, and what happens there. */
export class Channel implements AsyncDisposable {
  readonly place: Place;
  readonly #child: ChildProcess;
  readonly #lines = new Lines();
  readonly #pending = new Map<
    number,
    { call: string; resolve: (value: unknown) => void; reject: (error: unknown) => void }
  >();
  readonly #listeners = new Map<number, (news: News) => void>();
  readonly #greeted: Promise<Greeting>;
  #onGreeting: (greeting: Greeting) => void = () => {};
  #onNoGreeting: (error: unknown) => void = () => {};
  #greeting: Greeting | undefined;
  #clock: ClockReading | undefined;
  #lastCall = 0;
  #receivedMs = performance.now();
  #beat: NodeJS.Timeout | undefined;
  /** How many time requests were sent since the last message was received. */
  #beats = 0;
  #noise = '';
  #failure: TcplabError | undefined;
  #isOver = false;
  #giveUp: () => void = () => {};

  private constructor(place: Place, child: ChildProcess) {
    this.place = place;
    this.#child = child;
    this.#greeted = new Promise((resolve, reject) => {
      this.#onGreeting = resolve;
      this.#onNoGreeting = reject;
    });
    // A caller that awaits this gets the error. Until then the rejection counts as handled.
    this.#greeted.catch(() => {});
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    child.stdin?.on('error', () => {
      // Its exit has the reason.
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      this.#keep(error.message);
      this.#fail(127);
    });
    child.once('close', (status, signal) => this.#fail(status ?? signal ?? 1));
  }

  /** Starts an agent on a host, and sends tcplab along if it is not installed there. Throws a TcplabError with the obstacle. */
  static async open(place: Place): Promise<Channel> {
    const words = place.isHere ? agentHere() : ['sh'];
    const [program = '', ...args] = place.command(words);
    // In a session of its own: Ctrl-C is for tcplab, which then ends the agent.
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    const channel = new Channel(place, child);
    if (!place.isHere) child.stdin?.write(loaderLine());
    try {
      await channel.#start();
      return channel;
    } catch (error) {
      await channel[Symbol.asyncDispose]();
      throw error;
    }
  }

  get greeting(): Greeting {
    if (!this.#greeting) throw new Error('no agent has greeted yet');
    return this.#greeting;
  }

  /** The best reading of its clock so far. */
  get clock(): ClockReading {
    if (!this.#clock) throw new Error('its clock was not read yet');
    return this.#clock;
  }

  /** Whether no more calls are possible. */
  get isGone(): boolean {
    return this.#failure !== undefined;
  }

  /** Calls the agent. Throws the agent's error, or that it has exited. */
  call<Name extends keyof AgentCalls>(
    name: Name,
    ...args: Parameters<AgentCalls[Name]>
  ): Promise<Awaited<ReturnType<AgentCalls[Name]>>> {
    return this.send(name, args) as Promise<Awaited<ReturnType<AgentCalls[Name]>>>;
  }

  /** The same, for a name that is put together. */
  send(call: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#failure) return Promise.reject(this.#failure);
    const id = ++this.#lastCall;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { call, resolve, reject });
      this.#child.stdin?.write(`${JSON.stringify({ id, call, args: encode(args) })}\n`);
    });
  }

  /** Calls `listener` with a host's events. Returns a function that stops that. */
  follow(host: number, listener: (news: News) => void): () => void {
    this.#listeners.set(host, listener);
    return () => this.#listeners.delete(host);
  }

  async #start(): Promise<void> {
    const late = pause(GREETING_WITHIN_MS, undefined, { ref: false }).then(() => {
      const seconds = GREETING_WITHIN_MS / 1000;
      throw new TcplabError('SYSTEM', `no response from ${this.place.name} within ${seconds} s`);
    });
    const greeting = await Promise.race([this.#greeted, late]);
    const { tcplab, version } = greeting;
    if (tcplab !== AGENT_FORMAT) {
      throw new TcplabError(
        'SYSTEM',
        `the agent on ${this.place.name} uses ${tcplab}, and this tcplab uses ${AGENT_FORMAT}`,
        {
          hint: `tcplab ${version} runs there and ${VERSION} here: install the same version on both`,
        },
      );
    }
    this.#greeting = greeting;
    this.#noise = '';
    this.#beat = setInterval(() => void this.#keepAlive(), BEAT_MS);
    this.#beat.unref();
    for (let reading = 0; reading < 8; reading++) await this.#readClock();
  }

  /** The tightest counts, until it is so old that the clocks may have drifted by more. */
  async #readClock(): Promise<void> {
    const beforeMs = nowMs();
    const { atMs, dayMs } = await this.call('clock');
    const afterMs = nowMs();
    const [middleMs, errorMs] = [(beforeMs + afterMs) / 2, (afterMs - beforeMs) / 2];
    const aged = (this.#clock?.errorMs ?? Number.POSITIVE_INFINITY) + DRIFT_MS_A_BEAT;
    if (errorMs <= aged) {
      const ourDayMs = middleMs + Number(realtimeOffsetNs()) / 1e6;
      this.#clock = { aheadMs: dayMs - ourDayMs, offsetMs: atMs - middleMs, errorMs };
    } else if (this.#clock) this.#clock = { ...this.#clock, errorMs: aged };
  }

  async #keepAlive(): Promise<void> {
    // After this machine has slept, messages from that time are still unread.
    await turn();
    if (performance.now() - this.#receivedMs > SILENCE_MS && this.#beats >= SILENCE_MS / BEAT_MS) {
      const seconds = SILENCE_MS / 1000;
      this.#failure ??= new TcplabError('SYSTEM', `no response from ${this.place.name} for ${seconds} s`, {
        hint: 'its watchdog undoes all changes made there',
      });
      this.#kill();
      return;
    }
    this.#beats++;
    await this.#readClock().catch(() => {
      // The next call reports the error.
    });
  }

  #read(text: string): void {
    try {
      for (const line of this.#lines.take(text)) this.#take(line);
    } catch (error) {
      if (!(error instanceof TcplabError)) throw error;
      this.#refuse(error.message);
    }
  }

  #take(line: string): void {
    const message = parse(line);
    const kind = isObject(message) ? kindOf(message) : undefined;
    // A banner, a message of the day, a warning.
    const isNoise = message === undefined || (!this.#greeting && kind === undefined);
    if (isNoise) this.#keep(`${line}\n`);
    else if (isObject(message)) this.#receive(message, kind);
    else this.#refuse('expected an answer or an event');
  }

  #receive(message: Record<string, unknown>, kind: ReturnType<typeof kindOf>): void {
    const flaw = flawOfMessage(message, this.#pending.get(message['id'] as number)?.call);
    if (flaw !== undefined) throw new TcplabError('SYSTEM', flaw);
    this.#receivedMs = performance.now();
    this.#beats = 0;
    if (kind === 'loader') this.#load(message['loader'] as LoaderSays);
    else if (kind === 'greeting') this.#onGreeting(message as unknown as Greeting);
    else if (kind === 'news') this.#listeners.get(Number(message['host']))?.(message as unknown as News);
    else this.#settle(message as unknown as Answer);
  }

  /** Gives up on a remote process that does not follow the agent's protocol. */
  #refuse(flaw: string): void {
    this.#failure ??= new TcplabError('SYSTEM', `invalid message from ${this.place.name}: ${flaw}`, {
      hint: 'something other than the agent of tcplab may write to its standard output there',
    });
    this.#kill();
  }

  #settle(answer: Answer): void {
    const waiting = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if ('error' in answer) waiting?.reject(decodeError(answer.error));
    else waiting?.resolve(hasResult(waiting.call) ? decode(answer.result) : undefined);
  }

  /** Sends tcplab along, where it is not. */
  #load(said: LoaderSays): void {
    if ('error' in said) {
      this.#keep(`${said.errno ?? ''} ${said.error}\n`);
      return;
    }
    if (said.installed) return;
    try {
      if (!isNodeNewEnough(said.node)) {
        throw new TcplabError('MACHINE', `Node.js ${said.node} on ${this.place.name} is too old for tcplab`, {
          hint: 'install Node.js ^20.19 or 22.12 or later there',
        });
      }
      this.#child.stdin?.write(bundleFor(said));
    } catch (error) {
      this.#onNoGreeting(error);
    }
  }

  #keep(text: string): void {
    this.#noise = (this.#noise + text).slice(-KEPT);
  }

  /** The agent, or what led to it, has exited: with a status, or killed by a signal. */
  #fail(status: number | NodeJS.Signals): void {
    clearInterval(this.#beat);
    const said = this.#noise + this.#lines.rest;
    this.#failure ??= explainFailure(this.place.name, status, said, this.#greeting !== undefined);
    this.#onNoGreeting(this.#failure);
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    this.#pending.clear();
  }

  /** Does not wait for the pipes to close: a process that the command started, of another user, may keep them open. */
  #kill(): void {
    if (this.#child.pid !== undefined) signalGroup(this.#child.pid, 'SIGKILL');
    for (const pipe of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) pipe?.destroy();
    this.#fail(1);
    this.#giveUp();
  }

  /** Its agent puts everything back, and ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#beat);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined)
      return;
    const gone = new Promise<void>((resolve) => {
      this.#child.once('close', resolve);
      this.#giveUp = resolve;
    });
    this.#failure ??= new TcplabError('USAGE', `the connection to ${this.place.name} is closed`);
    this.#child.stdin?.end();
    const patience = setTimeout(() => this.#kill(), SILENCE_MS);
    await gone;
    clearTimeout(patience);
  }
}

/** Quartz differs by 50 millionths or less; a beat is two seconds. */
const DRIFT_MS_A_BEAT = 0.1;

function nowMs(): number {
  return Number(monotonicNs()) / 1e6;
}

/**
 * The first line for the remote shell. On stdin, so the number of shells in between and their quoting do not matter.
 * Nothing follows until the loader has replied, because some shells read ahead.
 */
function loaderLine(): string {
  const loader = readFileSync(new URL('remote/loader.cjs', DIST), 'utf8');
  const hasNode = 'command -v node >/dev/null || { echo tcplab: no node >&2; exit 127; }';
  return `${hasNode}; exec node -e ${shellWord(loader)} ${VERSION}\n`;
}

/** As package.json has it. */
function isNodeNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major === 20 ? minor >= 19 : major === 22 ? minor >= 12 : major > 22;
}

/** Undefined if it is not JSON. Its text may be shown to the user. */
function parse(line: string): unknown {
  try {
    return JSON.parse(printableJson(line));
  } catch {
    return undefined;
  }
}
