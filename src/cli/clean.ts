import { Command } from 'commander';
import { TcplabError } from '../error.ts';
import { isPlace } from '../remote/place.ts';
import { EXIT } from './exit.ts';

interface Options {
  dryRun?: boolean;
  json?: boolean;
}

export function cleanCommand(): Command {
  return new Command('clean')
    .summary('remove what a crash has left on a machine elsewhere')
    .description(
      'Shows what tcplab has left on a machine when its agent there and the agent’s watchdog were both killed ' +
        '(tables, rules, sysctls, programs), as the commands that take it back, and then takes it back. What belongs to ' +
        'an agent that still runs is left alone.',
    )
    .argument('<place>', 'the machine: ssh:user@host, exec:COMMAND, pid:NUMBER, netns:NAME or local')
    .option('--dry-run', 'show it, and leave it there')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  tcplab clean ssh:user@b --dry-run
  tcplab clean ssh:user@b
  tcplab clean "exec:docker exec -i web"

Exit status: 0 nothing is left (with --dry-run: shown), 1 something could not be
taken back, 2 wrong use, 3 the machine can't be reached.`,
    )
    .action(clean);
}

async function clean(name: string, { dryRun = false, json = false }: Options): Promise<void> {
  if (!isPlace(name)) {
    throw new TcplabError('USAGE', `'${name}' is no place`, {
      hint: 'for example `tcplab clean ssh:user@b`; `local` is this very machine',
    });
  }
  const { Channel, parsePlace } = await load();
  await using channel = await Channel.open(parsePlace(name));
  const { found } = await channel.call('clean', false);
  if (!json) for (const mend of found) process.stdout.write(`${mend}\n`);
  const { failures } = dryRun ? { failures: [] } : await channel.call('clean', true);
  if (json)
    process.stdout.write(`${JSON.stringify({ format: 'tcplab.clean/1', place: name, found, failures })}\n`);
  else process.stdout.write(`${summary(name, found.length, failures, dryRun)}\n`);
  process.exitCode = failures.length > 0 ? EXIT.notProven : EXIT.proven;
}

function summary(name: string, found: number, failures: readonly string[], dryRun: boolean): string {
  if (found === 0) return `nothing of tcplab is left at ${name}`;
  if (failures.length > 0) return `not all could be taken back:\n${failures.join('\n')}`;
  return dryRun ? `${found} left at ${name}` : `${found} taken back at ${name}`;
}

/** Not inside clean(): tsc does not rewrite an import() that stands beside `await using`. */
async function load(): Promise<{
  Channel: typeof import('../remote/channel.ts').Channel;
  parsePlace: typeof import('../remote/place.ts').parsePlace;
}> {
  const [{ Channel }, { parsePlace }] = await Promise.all([
    import('../remote/channel.ts'),
    import('../remote/place.ts'),
  ]);
  return { Channel, parsePlace };
}
