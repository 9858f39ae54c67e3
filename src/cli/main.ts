#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { TcplabError } from '../error.ts';
import { arcsCommand } from './arcs.ts';
import { doctorCommand } from './doctor.ts';
import { EXIT } from './exit.ts';
import { explainCommand } from './explain.ts';
import { holdCommand } from './hold.ts';
import { exitOnSignals } from './interrupt.ts';
import { listCommand } from './list.ts';
import { runCommand } from './run.ts';
import { VERSION } from './version.ts';

const program = new Command('tcplab')
  .description('Puts a real Linux TCP connection into any state, holds it there, and proves it.')
  .version(VERSION, '-V, --version', 'print the version')
  .addHelpText(
    'after',
    `
Examples:
  tcplab run                               every scenario, proven
  tcplab run SYN-SENT                      all that hold this state
  tcplab hold fin-wait-1                   bring it there, stay, and watch
  tcplab hold close-wait --on server -- ss -tan
  tcplab explain CLOSE-WAIT                what it means and what to do

Exit status: 0 all proven · 1 something not proven · 2 wrong use ·
3 this machine can't (see \`tcplab doctor\`)`,
  )
  .showHelpAfterError('(`tcplab --help` and `tcplab COMMAND --help` tell more)')
  .exitOverride();

for (const command of [
  runCommand(),
  holdCommand(),
  explainCommand(),
  arcsCommand(),
  listCommand(),
  doctorCommand(),
]) {
  program.addCommand(command.exitOverride().copyInheritedSettings(program));
}

exitOnSignals();
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Says what went wrong, for a person; gives the exit status. */
function report(error: unknown): number {
  // commander has said it already; help and version end with 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.wrongUse;
  if (error instanceof TcplabError) {
    process.stderr.write(`tcplab: ${error.message}\n${error.hint ? `  ${error.hint}\n` : ''}`);
    if (error.code === 'USAGE') return EXIT.wrongUse;
    return error.code === 'MACHINE' ? EXIT.machineCannot : EXIT.notProven;
  }
  process.stderr.write(`tcplab: this is a fault of tcplab itself, please report it\n`);
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return EXIT.notProven;
}
