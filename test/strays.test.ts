import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { Lab } from '../src/lab/lab.ts';
import { eventually, Program, REPOSITORY, TCPLAB, tcplab } from './cli.ts';

/** Processes that a program of a lab leaves behind outside of the lab's network. */

const SERVER = `${process.execPath} ${join(REPOSITORY, 'test/programs/server.mjs')}`;

let strays = 0;

/** A command that leaves a process behind, and how to find it. */
function stray(...words: string[]) {
  // No other process sleeps as long.
  const mark = `${process.pid}${String(++strays).padStart(3, '0')}`;
  const command = ['setsid', '-f', ...words, 'unshare', '-n', 'sleep', mark].join(' ');
  return { command, living: () => processesWithWord(mark) };
}

function processesWithWord(word: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => commandLine(pid).at(-1) === word)
    .map(Number);
}

function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    // It has ended.
    return [];
  }
}

const made: (() => number[])[] = [];
afterAll(() => {
  for (const pid of made.flatMap((living) => living())) process.kill(pid, 'SIGKILL');
});

describe.concurrent('a process in another network namespace', () => {
  it.each([
    ['that has the output open', []],
    ['without its environment', ['env', '-i']],
  ])('ends with the lab, and tcplab with it: %s', async (_, words) => {
    const { command, living } = stray(...words);
    made.push(living);
    // Longer than a run takes: a tcplab that waits for the output does not end at all.
    const over = Promise.race([
      tcplab('run', 'established', '--server', `${command}; exec ${SERVER} echo`),
      pause(20_000, undefined, { ref: false }),
    ]);
    expect(await over).toMatchObject({ status: 0, stderr: '' });
    expect(living()).toEqual([]);
  });

  it.each([
    ['hold', []],
    ['hold --count', ['--count', '3']],
  ])('ends when it was left by the command of %s', async (_, options) => {
    const { command, living } = stray();
    made.push(living);
    const { status } = await tcplab(
      ...['hold', 'established', ...options, '--on', 'client', '--', 'sh', '-c', `${command} >&- 2>&-`],
    );
    expect(status).toBe(0);
    expect(living()).toEqual([]);
  });

  it('ends when tcplab is killed', async () => {
    const { command, living } = stray();
    made.push(living);
    const program = new Program([
      ...TCPLAB,
      ...['hold', 'established', '--server', `${command}; exec ${SERVER} echo`],
    ]);
    await program.until(/in ESTABLISHED/);
    await eventually('the stray', () => living().length > 0);
    program.kill('SIGKILL');
    await eventually('the end of the stray', () => living().length === 0);
  });

  it('does not end with another lab of the same process', async () => {
    const { command, living } = stray();
    made.push(living);
    await using own = await Lab.open();
    await own.client.start(command);
    await eventually('the stray', () => living().length > 0);
    await (async () => {
      await using other = await Lab.open();
      await other.client.start('true');
    })();
    expect(living()).toHaveLength(1);
    await own[Symbol.asyncDispose]();
    expect(living()).toEqual([]);
  });
});
