import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** Between two looks at the screen, in milliseconds; also between two keys. */
const TICK_MS = 50;

/** For how long a text may take to appear, in milliseconds. */
const PATIENCE_MS = 30_000;

/** A frame: when the screen looked so, in milliseconds, and its rows, with their escape sequences. */
/** @typedef {{ atMs: number, rows: string[] }} Frame */

/** A real terminal (tmux, on a socket of its own) with a shell in it, and a record of its screen. */
export class Terminal {
  #folder = mkdtempSync(join(tmpdir(), 'tcplab-recording-'));
  #start = performance.now();
  /** @type {Frame[]} */
  frames = [];

  /** @param {{ columns: number, rows: number, path: string }} size `path`: a folder for the shell's PATH */
  constructor({ columns, rows, path }) {
    const env = {
      PATH: [path, process.env['PATH'] ?? ''].join(delimiter),
      HOME: this.#folder,
      LC_ALL: 'C.UTF-8',
      PS1: '$ ',
    };
    const shell = ['env', ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
    this.#tmux(
      '-f',
      '/dev/null',
      '-u',
      'new-session',
      '-d',
      '-x',
      `${columns}`,
      '-y',
      `${rows}`,
      '--',
      ...shell,
      'bash',
      '--norc',
      '--noprofile',
    );
  }

  /**
   * Types a command, as a person does, and Enter.
   * @param {string} command
   */
  async type(command) {
    for (const key of command) {
      this.#tmux('send-keys', '-l', '--', key);
      await this.watch(TICK_MS);
    }
    await this.watch(300);
    this.press('Enter');
  }

  /** @param {string} key by tmux's name */
  press(key) {
    this.#tmux('send-keys', key);
  }

  /**
   * Records the screen for a time.
   * @param {number} ms
   */
  async watch(ms) {
    const end = performance.now() + ms;
    do {
      this.#look();
      await pause(TICK_MS);
    } while (performance.now() < end);
  }

  /**
   * Records the screen until a text is on it so many times.
   * @param {RegExp} text with the flag g
   * @param {number} [times]
   */
  async until(text, times = 1) {
    const end = performance.now() + PATIENCE_MS;
    while ((this.#look().match(text) ?? []).length < times) {
      if (performance.now() > end) throw new Error(`${text} did not appear:\n${this.#look()}`);
      await pause(TICK_MS);
    }
  }

  end() {
    this.#tmux('kill-server');
    rmSync(this.#folder, { recursive: true });
  }

  /** Adds a frame if the screen has changed. */
  #look() {
    const screen = this.#tmux('capture-pane', '-e', '-p');
    const rows = screen.replace(/\n$/, '').split('\n');
    if (this.frames.at(-1)?.rows.join('\n') !== rows.join('\n')) {
      this.frames.push({ atMs: performance.now() - this.#start, rows });
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence starts with a control character
    return screen.replace(/\x1b\[[\d;]*m/g, '');
  }

  /** @param {string[]} args */
  #tmux(...args) {
    const env = { ...process.env, TMUX: '', LC_ALL: 'C.UTF-8', SHELL: '/bin/sh' };
    const { status, stdout, stderr, error } = spawnSync(
      'tmux',
      ['-S', join(this.#folder, 'socket'), ...args],
      {
        encoding: 'utf8',
        env,
      },
    );
    if (error) throw error;
    if (status !== 0) throw new Error(`tmux ${args[0]}: ${stderr}`);
    return stdout;
  }
}
