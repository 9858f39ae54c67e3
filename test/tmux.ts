import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { run, temporaryFolder } from './cli.ts';

/** A terminal emulator whose screens a test reads: as many terminals as it wants, each of its own size. */
export class Tmux {
  readonly #socket: string = join(temporaryFolder(), 'tmux');
  #terminals = 0;

  /** Runs a shell command in a terminal of its own, which stays when the command has ended. */
  async open(command: string, columns: number, rows: number): Promise<Terminal> {
    const name = `t${this.#terminals++}`;
    const staying = `trap : INT; ${command}; trap '' INT; exec sleep infinity`;
    const size = ['-x', `${columns}`, '-y', `${rows}`];
    await this.run('new-session', '-d', '-s', name, ...size, 'sh', '-c', staying);
    return new Terminal(this, name, columns, rows);
  }

  async run(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await run([
      'tmux',
      '-u',
      '-S',
      this.#socket,
      '-f',
      '/dev/null',
      ...args,
    ]);
    if (status !== 0) throw new Error(`tmux ${args.join(' ')}: ${stderr}`);
    return stdout;
  }
}

export class Terminal {
  readonly #tmux: Tmux;
  readonly #name: string;
  columns: number;
  rows: number;

  constructor(tmux: Tmux, name: string, columns: number, rows: number) {
    this.#tmux = tmux;
    this.#name = name;
    this.columns = columns;
    this.rows = rows;
  }

  /** All lines, those that have scrolled away too. What the terminal itself has wrapped counts as one line. */
  async lines(): Promise<string[]> {
    const text = await this.#tmux.run('capture-pane', '-p', '-J', '-S', '-', '-t', this.#name);
    return text
      .trimEnd()
      .split('\n')
      .map((line) => line.trimEnd());
  }

  async resize(columns: number, rows: number): Promise<void> {
    [this.columns, this.rows] = [columns, rows];
    await this.#tmux.run('resize-window', '-t', this.#name, '-x', `${columns}`, '-y', `${rows}`);
  }

  async press(key: string): Promise<void> {
    await this.#tmux.run('send-keys', '-t', this.#name, key);
  }

  /** The lines, once they are as wanted. */
  async until(wanted: (lines: string[]) => boolean, what: string): Promise<string[]> {
    const start = performance.now();
    for (;;) {
      const lines = await this.lines();
      if (wanted(lines)) return lines;
      if (performance.now() - start > 50_000) throw new Error(`not seen: ${what}\n${lines.join('\n')}`);
      await pause(250);
    }
  }
}
