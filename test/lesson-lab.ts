import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { HostName } from '../src/evidence/events.ts';
import type { Lesson, TypedLine } from '../src/lesson/lesson.ts';
import { eventually, TCPLAB } from './cli.ts';

/** A lesson that is being done: the lab's process, and shells in its hosts that a test types into. */
export class LessonLab implements AsyncDisposable {
  static #last = 0;
  readonly name: string = `lesson-${process.pid}-${++LessonLab.#last}`;
  readonly #tcplab: readonly string[];
  readonly #guide: ChildProcess;
  readonly #terminals = new Map<string, Terminal>();
  readonly #lookers = new Map<HostName, Looker>();
  readonly #ended: Promise<unknown>;
  stdout = '';
  stderr = '';

  /** `options` are those of `tcplab lab`. */
  constructor(options: readonly string[], tcplab: readonly string[] = TCPLAB) {
    this.#tcplab = tcplab;
    const [program = '', ...args] = [...tcplab, 'lab', this.name, ...options];
    this.#guide = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#guide.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.#guide.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.#ended = once(this.#guide, 'close');
  }

  /** Waits until the guide has printed something that matches, with what it wraps joined again. */
  async until(pattern: RegExp, withinMs = 20_000): Promise<void> {
    try {
      await eventually(String(pattern), () => pattern.test(this.said) || this.#hasEnded, withinMs);
    } catch {
      throw new Error(`not seen: ${pattern}\n${this.stdout}\n${this.#typed}`);
    }
    if (!pattern.test(this.said)) throw new Error(`ended without ${pattern}: ${this.stdout}${this.stderr}`);
  }

  get said(): string {
    return this.stdout.replaceAll(/\n(?=\S)/g, ' ');
  }

  get #hasEnded(): boolean {
    return this.#guide.exitCode !== null || this.#guide.signalCode !== null;
  }

  get #typed(): string {
    return [...this.#terminals].map(([place, { output }]) => `--- ${place}\n${output}`).join('\n');
  }

  /** How much there is so far: of the lab's own output, and of the terminals of the hosts without a name. */
  get marks(): Marks {
    const length = (host: HostName) => this.#terminals.get(`${host}/`)?.output.length ?? 0;
    return { lab: this.stdout.length, client: length('client'), server: length('server') };
  }

  /** Waits until a line of the lab, or of a host's terminal, shows this since the marks were set. */
  async untilShown(pattern: RegExp, at: HostName | null, since: Marks): Promise<void> {
    const shown = () =>
      at === null
        ? joined(this.stdout.slice(since.lab))
        : (this.#terminals.get(`${at}/`)?.output.slice(since[at]) ?? '');
    await eventually(String(pattern), () => pattern.test(shown())).catch((error: Error) => {
      throw new Error(`${error.message}\n${shown()}\n${this.#typed}`);
    });
  }

  /** A line to the guide: an answer, or `hint`. */
  tell(line: string): void {
    this.#guide.stdin?.write(`${line}\n`);
  }

  /** Types a line as a lesson has it, and waits until it has taken effect. */
  async type({ host, terminal, text }: TypedLine): Promise<void> {
    const place = `${host}/${terminal ?? ''}`;
    let shell = this.#terminals.get(place);
    if (!shell) {
      shell = new Terminal(this.#enter(host), `(${host}) $ `);
      this.#terminals.set(place, shell);
      await eventually(`a prompt of ${place}`, () => (shell as Terminal).isAtPrompt);
    }
    const before = await this.#tables();
    const { prompts, isAtPrompt } = shell;
    const key = KEYS[text];
    shell.send(key ?? `${text}\n`);
    const isOver = async () => {
      if ((shell as Terminal).prompts > prompts) return true;
      return terminal !== null && (await this.#tables()) !== before;
    };
    // A program may read a line and do nothing that shows in a table.
    const mayDoNothing = !isAtPrompt && key === undefined;
    const withinMs = mayDoNothing ? 1000 : 20_000;
    await eventually(`an effect of ${text} on the ${place}`, isOver, withinMs).catch((error: Error) => {
      if (mayDoNothing) return;
      throw new Error(`${error.message}\n${this.stdout}\n${this.#typed}`);
    });
    // A program that was just connected to may still have to accept.
    let last = '';
    await eventually('tables that stay the same', async () => {
      const now = await this.#tables();
      const isSame = now === last;
      last = now;
      return isSame;
    });
  }

  /** As ss shows it, without times. */
  async #tables(): Promise<string> {
    const texts: string[] = [];
    for (const host of ['client', 'server'] as const) {
      const looker = this.#lookers.get(host) ?? new Looker(this.#enter(host));
      this.#lookers.set(host, looker);
      texts.push(await looker.ask('ss -Htanp'));
    }
    return texts.join('');
  }

  #enter(host: HostName): string[] {
    return [...this.#tcplab, 'enter', host, '--lab', this.name];
  }

  /** Does all steps of a lesson in the way that its last hints show, or the first ones. */
  async do({ steps }: Lesson, count: number = steps.length): Promise<void> {
    for (const [index, { goal, solution }] of steps.slice(0, count).entries()) {
      await this.until(new RegExp(`Step ${index + 1}: `));
      for (const line of solution) await this.type(line);
      if (goal.kind === 'question') this.tell(goal.answers[0] ?? '');
      await this.until(new RegExp(`Step ${index + 1} is done: `));
    }
    if (count === steps.length) await this.until(/All \d+ steps are done/);
  }

  /** The record, where `--record` was /dev/stderr: an ordinary user can write no file of the test's. */
  saveRecord(path: string): void {
    writeFileSync(path, this.stderr);
  }

  /** Ends the lab, and gives its exit status. */
  async end(): Promise<number | null> {
    this.#guide.kill('SIGINT');
    await this.#ended;
    await Promise.all([...this.#terminals.values(), ...this.#lookers.values()].map((one) => one.end()));
    return this.#guide.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

interface Marks {
  lab: number;
  client: number;
  server: number;
}

/** Lines that were wrapped are indented. */
function joined(text: string): string {
  return text.replaceAll(/\n {14,}/g, ' ');
}

const KEYS: Record<string, string> = { 'Ctrl-C': '\x03', 'Ctrl-D': '\x04', 'Ctrl-Z': '\x1a' };
const ENVIRONMENT = { LC_ALL: 'C', TERM: 'dumb', SHELL: '/bin/sh' };

/** A shell in a host with a terminal, by way of script(1). */
class Terminal {
  output = '';
  readonly #child: ChildProcess;
  readonly #prompt: string;

  constructor(command: readonly string[], prompt: string) {
    this.#prompt = prompt;
    const line = command.map((word) => `'${word}'`).join(' ');
    this.#child = spawn('script', ['-q', '-c', line, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...ENVIRONMENT },
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (data: string) => {
      this.output += data.replaceAll(/[\r\0]/g, '');
    });
    this.#child.stdin?.on('error', () => {});
  }

  get prompts(): number {
    return this.output.split(this.#prompt).length - 1;
  }

  get isAtPrompt(): boolean {
    return this.output.endsWith(this.#prompt);
  }

  send(text: string): void {
    this.#child.stdin?.write(text);
  }

  async end(): Promise<void> {
    await endOf(this.#child);
  }
}

/** A shell in a host that runs one command after the other, which costs less than to enter for each. */
class Looker {
  readonly #child: ChildProcess;
  #output = '';
  #asked = 0;

  constructor(command: readonly string[]) {
    const [program = '', ...args] = [...command, '--', 'sh'];
    this.#child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...ENVIRONMENT },
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (data: string) => {
      this.#output += data;
    });
    this.#child.stdin?.on('error', () => {});
  }

  async ask(command: string): Promise<string> {
    const mark = `end ${++this.#asked}\n`;
    this.#output = '';
    this.#child.stdin?.write(`${command}; echo ${mark}`);
    await eventually(`an answer to ${command}`, () => this.#output.endsWith(mark));
    return this.#output.slice(0, -mark.length);
  }

  async end(): Promise<void> {
    await endOf(this.#child);
  }
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'close');
}
