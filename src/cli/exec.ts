import { type Command, Option } from 'commander';
import type { HostName } from '../evidence/events.ts';
import { Lab } from '../lab/lab.ts';
import { PrivateNetwork } from '../lab/private-network.ts';
import { newCommand } from './commands.ts';
import { startWithSignals, statusOf } from './end-command.ts';
import { findProgram } from './find-program.ts';
import { helpEnd } from './help.ts';
import { ensurePrivilege } from './privileges.ts';

interface Options {
  on?: HostName;
  ipv6?: boolean;
}

export function execCommand(): Command {
  return newCommand('exec')
    .description(
      'Run a command in a new, empty network namespace with its own loopback and firewall and no outside connectivity. ' +
        'Needs no root: inside, the command can create interfaces, rules and labs. When the command ends, so does ' +
        'everything that it started. With --on, run it inside one host of a lab whose other host is reachable ' +
        '(addresses in TCPLAB_CLIENT and TCPLAB_SERVER).',
    )
    .argument('<command...>', 'after `--`: the command to run')
    .addOption(
      new Option('--on <host>', 'host of a lab that the command runs inside').choices(['client', 'server']),
    )
    .option('--ipv6', 'with --on: IPv6 between the hosts')
    .addHelpText(
      'after',
      helpEnd(
        [
          'tcplab exec -- npx vitest run',
          "tcplab exec -- sh -c 'nft add table inet mine && nft list ruleset'",
          'tcplab exec --on client -- ping -c 1 192.168.2.11',
        ],
        "Exit status: the command's own; 2 invalid usage, 3 this machine lacks something (see `tcplab doctor`).",
      ),
    )
    .action(exec);
}

async function exec([name = '', ...args]: string[], { on, ipv6 = false }: Options): Promise<void> {
  const program = findProgram(name);
  ensurePrivilege();
  process.exitCode = await (on ? runInHost(on, program, args, ipv6) : runInPrivateNetwork(program, args));
}

async function runInPrivateNetwork(program: string, args: string[]): Promise<number> {
  await using network = new PrivateNetwork();
  const child = await startWithSignals(() => network.spawn(program, args));
  // Awaited here: the network has to last until then.
  return await statusOf(child);
}

async function runInHost(on: HostName, program: string, args: string[], ipv6: boolean): Promise<number> {
  await using lab = await Lab.open({ family: ipv6 ? 'ipv6' : 'ipv4' });
  const environment = {
    ...process.env,
    TCPLAB_CLIENT: lab.client.address,
    TCPLAB_SERVER: lab.server.address,
  };
  const child = await startWithSignals(() => lab.host(on).spawn(program, args, { environment }));
  return await statusOf(child);
}
