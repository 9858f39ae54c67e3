import type { Command } from 'commander';
import { printable } from '../printable.ts';
import { Channel } from '../remote/channel.ts';
import { HOST_KINDS, isPlace, parsePlace, unknownHost } from '../remote/place.ts';
import { newCommand } from './commands.ts';
import { EXIT } from './exit.ts';
import { helpEnd } from './help.ts';

interface Options {
  dryRun?: boolean;
  json?: boolean;
}

export function cleanCommand(): Command {
  return newCommand('clean')
    .description(
      'Remove what a crashed run left on a remote host: firewall rules, sysctl changes, programs. Runs the ' +
        'undo commands and prints them; with --dry-run, only prints them. Leaves running agents alone.',
    )
    .argument('<host>', `${HOST_KINDS} (this machine)`)
    .option('--dry-run', 'list of the undo commands; runs none')
    .option('--json', 'JSON on standard output')
    .addHelpText(
      'after',
      helpEnd(
        [
          'tcplab clean ssh:user@b --dry-run',
          'tcplab clean ssh:user@b',
          'tcplab clean "exec:docker exec -i web"',
        ],
        'Exit status: 0 nothing is left (with --dry-run: shown), 1 something could not be undone, 2 invalid usage, 3 ' +
          'the host is not reachable.',
      ),
    )
    .action(clean);
}

async function clean(name: string, { dryRun = false, json = false }: Options): Promise<void> {
  if (!isPlace(name)) throw unknownHost(name);
  await using channel = await Channel.open(parsePlace(name));
  // In one call: a second one could find something else than what was removed.
  const { found, failures } = await channel.call('clean', !dryRun);
  if (!json) for (const undo of found) process.stdout.write(`${undo}\n`);
  if (json)
    process.stdout.write(`${JSON.stringify({ format: 'tcplab.clean/1', place: name, found, failures })}\n`);
  else process.stdout.write(`${summary(printable(name), found.length, failures, dryRun)}\n`);
  process.exitCode = failures.length > 0 ? EXIT.notProven : EXIT.proven;
}

function summary(name: string, found: number, failures: readonly string[], dryRun: boolean): string {
  if (found === 0) return `nothing of tcplab is left on ${name}`;
  if (failures.length > 0)
    return `${failures.length} of ${found} could not be undone on ${name}:\n${failures.join('\n')}`;
  return dryRun ? `${found} left on ${name}` : `${found} undone on ${name}`;
}
