#!/usr/bin/env node
// Runs a command beside two virtual machines, in their LAN; they are there for as long as it runs.
//   node scripts/virtual-machines/main.mjs -- sh -c 'ssh -F $TCPLAB_SSH_CONFIG a uname -r'
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { SetupError, say } from '../setup/say.mjs';
import { DIES_WITH_US } from './processes.mjs';
import { startVirtualMachines } from './start.mjs';

const command = process.argv.slice(process.argv[2] === '--' ? 3 : 2);
if (command.length === 0) {
  say(
    'usage: main.mjs -- CMD…\nruns CMD in the LAN of two virtual machines, a and b; TCPLAB_SSH_CONFIG names a file for ssh -F',
  );
  process.exit(2);
}

try {
  const start = performance.now();
  const machines = await startVirtualMachines();
  try {
    const kernel = (await machines.run('a', 'uname -r')).trim();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    say(`tcplab: virtual machines a and b are up after ${seconds} s, with Linux ${kernel}`);
    process.exitCode = await statusOf([...DIES_WITH_US, ...machines.enter(command)], machines.sshConfig);
  } finally {
    await machines.end();
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(`tcplab: ${error.message}`);
  process.exitCode = 3;
}

/**
 * @param {string[]} command
 * @param {string} sshConfig
 * @returns {Promise<number>} its exit status, as a shell would give it
 */
function statusOf([program = '', ...args], sshConfig) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, TCPLAB_SSH_CONFIG: sshConfig },
      stdio: 'inherit',
    });
    // A terminal sends Ctrl-C to the command as well, which decides what becomes of it. The others come to us alone.
    process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
    for (const signal of /** @type {const} */ (['SIGTERM', 'SIGHUP']))
      process.on(signal, () => child.kill(signal));
    child.on('error', reject);
    child.on('exit', (status, signal) => resolve(status ?? 128 + constants.signals[signal ?? 'SIGKILL']));
  });
}
