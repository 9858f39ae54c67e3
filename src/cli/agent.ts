import type { Command } from 'commander';
import { serve } from '../remote/agent.ts';
import { newCommand } from './commands.ts';
import { helpEnd } from './help.ts';

export function agentCommand(): Command {
  return newCommand('agent')
    .description(
      'Serve hosts on this machine to a remote tcplab, which starts the agent itself with ssh, docker exec or kubectl ' +
        'exec. They exchange one JSON object per line over standard input and output. The agent undoes its changes ' +
        'when it ends, or when it has received nothing for 10 s.',
    )
    .addHelpText(
      'after',
      helpEnd(
        [
          'tcplab run --client ssh:user@a --server ssh:user@b',
          'tcplab run --client local --server "exec:docker exec -i web"',
        ],
        'Exit status: 0.',
      ),
    )
    .action(async () => {
      await serve(() => {});
      process.exit(0);
    });
}
