import { Command, CommanderError } from 'commander';
import { errorsOf, MORE_DESCRIPTORS, TcplabError } from '../error.ts';
import { VERSION } from '../evidence/version.ts';
import { sourceChoice } from '../kernel/source-choice.ts';
import { printable } from '../printable.ts';
import { COMMANDS, type CommandName } from './commands.ts';
import { complain, fitted } from './complaint.ts';
import { EXIT } from './exit.ts';
import { helpEnd, helpWidth, OPTION_GROUPS, overview } from './help.ts';
import { exitOnSignals } from './interrupt.ts';
import { withSourceLines } from './source-lines.ts';
import { guardStandardStreams } from './standard-streams.ts';

/** Makes the commands that a bundle has. */
export type Commands = { [name in CommandName]?: () => Command | Promise<Command> };

const ALIASES: Record<string, string> = { transitions: 'arcs' };

/** The command line, with the commands that it may need. */
export async function tcplab(commands: Commands): Promise<void> {
  exitOnSignals();
  guardStandardStreams();
  process.once('beforeExit', stoppedHalfway);
  await runLine(process.argv.slice(2), commands);
  process.off('beforeExit', stoppedHalfway);
}

/** Node ends with status 0 when nothing is left to wait for, also in the middle of a command: that must not look proven. */
function stoppedHalfway(): void {
  process.stderr.write(
    'tcplab: the command stopped before it was done, so nothing is proven: this is a fault of tcplab\n',
  );
  process.exitCode = EXIT.machineCannot;
}

/** Leaves the exit status in `process.exitCode`. */
export async function runLine(line: string[], commands: Commands): Promise<void> {
  try {
    sourceChoice();
    const args = await commandLine(line);
    const program = newProgram();
    for (const make of commandsFor(args[0], commands)) {
      const command = (await make()).exitOverride().copyInheritedSettings(program);
      program.addCommand(command);
      command
        .optionsGroup(OPTION_GROUPS.first)
        .helpOption('-h, --help', 'this help')
        .showHelpAfterError(`see \`tcplab ${command.name()} --help\``);
    }
    program.configureHelp({ formatHelp: overview });
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    // The first decides; what went wrong while things were undone is reported after it.
    const [status] = errorsOf(error).map(report);
    process.exitCode = status;
  }
}

/** The arguments with a command first: `help run` is `run --help`, and `close-wait` is `hold close-wait`. */
async function commandLine(args: string[]): Promise<string[]> {
  const [word, ...rest] = args;
  if (word === 'help') return rest[0] === undefined ? ['--help'] : commandLine([rest[0], '--help']);
  if (word === undefined || word.startsWith('-') || commandNames().includes(word)) return args;
  const { allNames, isName } = await import('./arguments.ts');
  if (await isName(word)) return ['hold', ...args];
  const { suggestion } = await import('../suggestion.ts');
  throw new TcplabError('USAGE', `unknown command '${word}'`, {
    hint: suggestion(
      word,
      ['help', ...commandNames(), ...(await allNames())],
      '`tcplab --help` shows the commands, `tcplab list` the names',
    ),
  });
}

function commandNames(): string[] {
  return [...Object.keys(COMMANDS), ...Object.keys(ALIASES)];
}

/** The one command that is used; all of them where none is named. */
function commandsFor(word = '', commands: Commands): (() => Command | Promise<Command>)[] {
  if (word === '-V' || word === '--version') return [];
  const named = commands[(ALIASES[word] ?? word) as CommandName];
  return named ? [named] : Object.values(commands);
}

function newProgram(): Command {
  return new Command('tcplab')
    .description('Put a real Linux TCP connection into any state, hold it there, and prove it.')
    .configureHelp({ minWidthToWrap: 20 })
    .configureOutput({
      getOutHelpWidth: helpWidth,
      getErrHelpWidth: helpWidth,
      outputError: (text, write) => write(fitted(text.replace(/^error: /, 'tcplab: '))),
    })
    .version(VERSION, '-V, --version', 'version of tcplab')
    .helpOption('-h, --help', 'this help')
    .helpCommand(false)
    .addHelpText(
      'after',
      helpEnd(
        [
          'tcplab close-wait                     # hold a state and watch it',
          'tcplab check server --port 8080 --http / -- node server.js',
        ],
        "A name: a scenario, a state in any spelling, a transition ('SYN-SENT>CLOSED').",
        'Exit status: 0 proven, 1 not proven, 2 invalid usage, 3 see `tcplab doctor`.',
      ),
    )
    .showHelpAfterError('see `tcplab --help`')
    .exitOverride();
}

/** Prints what went wrong, and returns the exit status. */
function report(error: unknown): number {
  // Node's own calls do not throw a TcplabError.
  if (error instanceof Error && 'code' in error && error.code === 'EMFILE') {
    complain('this process may open no more files (EMFILE)', MORE_DESCRIPTORS);
    return EXIT.machineCannot;
  }
  // commander has printed it already; help and version end with 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.wrongUse;
  if (error instanceof TcplabError) {
    complain(error.message, error.hint);
    if (error.code === 'USAGE') return EXIT.wrongUse;
    return error.code === 'MACHINE' ? EXIT.machineCannot : EXIT.notProven;
  }
  process.stderr.write('tcplab: internal error: please report it with the lines below\n');
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${printable(withSourceLines(text))}\n`);
  return EXIT.notProven;
}
