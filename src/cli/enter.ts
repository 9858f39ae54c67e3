import { Argument, type Command } from 'commander';
import { TcplabError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import { execute } from '../kernel/process.ts';
import { ignoreSetgroups } from '../kernel/seccomp.ts';
import { commandInside, environmentInside } from '../lab/inside.ts';
import { type OpenLab, openLabs } from '../lab/open-labs.ts';
import { suggestion } from '../suggestion.ts';
import { newCommand } from './commands.ts';
import { helpEnd } from './help.ts';

export function enterCommand(): Command {
  return newCommand('enter')
    .description(
      'Open your shell inside a host of a lab that is open (`tcplab lab`), or run a command there. Both hosts ' +
        'have names inside, client and server, and their addresses are in TCPLAB_CLIENT and TCPLAB_SERVER.',
    )
    .addArgument(new Argument('<host>', 'client or server').choices(['client', 'server']))
    .argument('[command...]', 'after `--`: the command to run, in place of a shell')
    .option('--lab <name>', 'name of the lab, or its process, if several are open')
    .addHelpText(
      'after',
      helpEnd(
        [
          'tcplab enter server',
          'tcplab enter server -- nc -l 5000',
          'tcplab enter client -- nc server 5000',
          'tcplab enter client --lab monday -- tcpdump -ni any tcp',
        ],
        'Inside, you are root of the host and of nothing else. `ip netns` is refused: it would leave files on the machine.',
        "Exit status: the shell's or the command's own; 2 no such lab; 3 this machine lacks something.",
      ),
    )
    .action(enter);
}

function enter(host: HostName, command: string[], options: { lab?: string }): never {
  const lab = labNamed(options.lab);
  if (lab.userNamespace !== null) ignoreSetgroups();
  const [path = '', ...args] = commandInside(lab, host, command);
  execute(path, args, { ...process.env, ...environmentInside(lab, host) });
}

/** By its name, or by the process that has it where two have one name. */
function labNamed(wanted: string | undefined): OpenLab {
  const labs = openLabs();
  const fits = ({ name, pid }: OpenLab) => wanted === undefined || wanted === name || wanted === String(pid);
  const [only, ...more] = labs.filter(fits);
  if (only && more.length === 0) return only;
  if (only) {
    const all = [only, ...more].map(({ name, pid }) => `${name} (process ${pid})`);
    throw new TcplabError('USAGE', `several labs are open: ${all.join(', ')}`, {
      hint: `choose one by its name or process: --lab ${only.pid}`,
    });
  }
  if (wanted === undefined || labs.length === 0) {
    throw new TcplabError('USAGE', 'you have no lab open', {
      hint: '`tcplab lab` opens one, in another terminal',
    });
  }
  throw new TcplabError('USAGE', `no lab with the name ${wanted} is open`, {
    hint: suggestion(
      wanted,
      labs.map(({ name }) => name),
      'see `tcplab lab --list`',
    ),
  });
}
