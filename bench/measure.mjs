import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * @typedef {object} Outcome
 * @property {number} ms wall time, from before the start to after the end
 * @property {string} stdout
 * @property {number} peakMb the most memory that it had resident, as far as was seen
 */

/**
 * Runs a program to its end.
 * @param {string[]} command
 * @param {number[]} allowed how it may end
 * @returns {Promise<Outcome>}
 */
export function timed([program = '', ...args], allowed = [0]) {
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr, peakMb] = ['', '', 0];
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      peakMb = peakOf(child.pid) ?? peakMb;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (status, signal) => {
      const ms = performance.now() - startMs;
      if (allowed.includes(status ?? -1)) resolve({ ms, stdout, peakMb });
      else reject(new Error(`${program} ${args.join(' ')} ended with ${status ?? signal}: ${stderr}`));
    });
  });
}

/**
 * VmHWM of a process (proc_pid_status(5)): it only grows, so its last word is what counts.
 * @param {number | undefined} pid
 */
export function peakOf(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
  } catch {
    return undefined;
  }
}

const TICKS_A_SECOND = 100;

/**
 * User and system time of a process and those of its children that have ended, in seconds (proc_pid_stat(5)).
 * @param {number} pid
 */
export function cpuOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return ticks / TICKS_A_SECOND;
}

/** @param {number[]} numbers */
export function median(numbers) {
  return quantile(numbers, 0.5);
}

/**
 * @param {number[]} numbers
 * @param {number} share
 */
export function quantile(numbers, share) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
