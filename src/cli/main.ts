#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { errorsOf, TcplabError } from '../error.ts';
import { VERSION } from '../evidence/version.ts';
import { complain, fitted } from './complaint.ts';
import { EXIT } from './exit.ts';
import { exitOnSignals } from './interrupt.ts';

/** Each command is loaded when it is asked for: the kernel's side of some takes a while. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  run: async () => (await import('./run.ts')).runCommand(),
  hold: async () => (await import('./hold.ts')).holdCommand(),
  check: async () => (await import('./check.ts')).checkCommand(),
  exec: async () => (await import('./exec.ts')).execCommand(),
  explain: async () => (await import('./explain.ts')).explainCommand(),
  arcs: async () => (await import('./arcs.ts')).arcsCommand(),
  replay: async () => (await import('./replay.ts')).replayCommand(),
  list: async () => (await import('./list.ts')).listCommand(),
  ui: async () => (await import('./ui.ts')).uiCommand(),
  agent: async () => (await import('./agent.ts')).agentCommand(),
  clean: async () => (await import('./clean.ts')).cleanCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
};

const program = new Command('tcplab')
  .description('Puts a real Linux TCP connection into any state, holds it there, and proves it.')
  // Broken where the terminal ends, not where the source's lines do.
  .configureHelp({ commandDescription: (command) => command.description().replaceAll('\n', ' ') })
  .configureOutput({ outputError: (text, write) => write(fitted(text)) })
  .version(VERSION, '-V, --version', 'print the version')
  .addHelpText(
    'after',
    `
Examples:
  tcplab run                               every scenario, proven
  tcplab run SYN-SENT                      all that hold this state
  tcplab hold fin-wait-1                   bring it there, stay, and watch
  tcplab hold close-wait --on server -- ss -tan
  tcplab run close-wait --server 'node server.js' --port 8080
  tcplab check server --port 8080 --http / -- node server.js
  tcplab exec -- npx vitest run            tests in a network of their own
  tcplab ui                                the same on a live page
  tcplab explain CLOSE-WAIT                what it means and what to do

Exit status: 0 all proven · 1 something not proven · 2 wrong use ·
3 this machine can't (see \`tcplab doctor\`)`,
  )
  .showHelpAfterError('(`tcplab --help` and `tcplab COMMAND --help` tell more)')
  .exitOverride();

exitOnSignals();
// A reader that has seen enough (`tcplab list | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});
try {
  for (const load of commandsFor(process.argv[2] ?? '')) {
    program.addCommand((await load()).exitOverride().copyInheritedSettings(program));
  }
  await program.parseAsync();
} catch (error) {
  // The first decides; what went wrong while things were undone is reported after it.
  const [status] = errorsOf(error).map(report);
  process.exitCode = status;
}

/** All of them, for who wants to know what there is. */
function commandsFor(word: string): (() => Promise<Command>)[] {
  if (word === '-V' || word === '--version') return [];
  const named = COMMANDS[word];
  return named ? [named] : Object.values(COMMANDS);
}

/** Says what went wrong, for a person; gives the exit status. */
function report(error: unknown): number {
  // commander has said it already; help and version end with 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.wrongUse;
  if (error instanceof TcplabError) {
    complain(error.message, error.hint);
    if (error.code === 'USAGE') return EXIT.wrongUse;
    return error.code === 'MACHINE' ? EXIT.machineCannot : EXIT.notProven;
  }
  process.stderr.write('tcplab: this is a fault of tcplab itself, please report it\n');
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return EXIT.notProven;
}
