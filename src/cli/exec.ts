import { constants } from 'node:os';
import { Command, Option } from 'commander';
import type { HostName } from '../evidence/events.ts';
import { EXIT } from './exit.ts';
import { findProgram } from './find-program.ts';
import { untilSignal } from './interrupt.ts';
import { ensurePrivilege } from './privileges.ts';

interface Options {
  on?: HostName;
  ipv6?: boolean;
}

export function execCommand(): Command {
  return new Command('exec')
    .summary('run a command in a private network of its own')
    .description(
      'Runs a command in a fresh network that nobody else is in: its own loopback, its own\n' +
        'firewall, no way out. No root is needed: in there it is root of its own network, and\n' +
        'may make labs, peers and rules. tcplab becomes the command, so its exit status, its\n' +
        'streams and the signals that it gets are its own.\n' +
        'With --on it runs inside one host of a lab, whose other host is there to be reached\n' +
        '(TCPLAB_CLIENT and TCPLAB_SERVER in the environment are their addresses).',
    )
    .argument('<command...>', 'after `--`: what to run')
    .addOption(new Option('--on <host>', 'run it inside this host of a lab').choices(['client', 'server']))
    .option('--ipv6', 'with --on: the two hosts speak IPv6')
    .addHelpText(
      'after',
      `
Examples:
  tcplab exec -- npx vitest run
  tcplab exec -- sh -c 'nft add table inet mine && nft list ruleset'
  tcplab exec --on client -- ping -c 1 192.168.2.11

Exit status: the command's own; 2 wrong use, 3 this machine can't.`,
    )
    .action(exec);
}

async function exec([name = '', ...args]: string[], { on, ipv6 }: Options): Promise<void> {
  const program = findProgram(name);
  ensurePrivilege();
  if (on === undefined) {
    const { becomeInPrivateNetwork } = await import('../lab/private-network.ts');
    return becomeInPrivateNetwork(program, args);
  }
  process.exitCode = await runInHost(on, program, args, ipv6 ?? false);
}

async function runInHost(on: HostName, program: string, args: string[], ipv6: boolean): Promise<number> {
  const { Lab } = await load();
  const signal = untilSignal();
  await using lab = await Lab.open({ family: ipv6 ? 'ipv6' : 'ipv4' });
  const environment = {
    ...process.env,
    TCPLAB_CLIENT: lab.client.address,
    TCPLAB_SERVER: lab.server.address,
  };
  const child = await lab.host(on).spawn(program, args, { environment });
  void signal.then((number) => child.kill(number));
  // Awaited here: the lab has to last until then.
  return await new Promise((resolve) => {
    child.once('exit', (code, name) => resolve(code ?? 128 + constants.signals[name ?? 'SIGKILL']));
    child.once('error', () => resolve(EXIT.machineCannot));
  });
}

/** Not inside runInHost(): tsc does not rewrite an import() that stands beside `await using`. */
function load(): Promise<typeof import('../lab/lab.ts')> {
  return import('../lab/lab.ts');
}
