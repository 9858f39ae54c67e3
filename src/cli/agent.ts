import { Command } from 'commander';

export function agentCommand(): Command {
  return new Command('agent')
    .summary('serve a host of this machine over standard input and output')
    .description(
      'Serves hosts on this machine to a tcplab elsewhere, which starts it by ssh, docker exec, kubectl exec or the like ' +
        'and speaks with it over standard input and output (a JSON object a line). Nobody needs to start it by hand. ' +
        'Whatever it sets on this machine is gone when it ends, or when nothing was heard for ten seconds.',
    )
    .addHelpText(
      'after',
      `
Examples:
  tcplab run --client ssh:user@a --server ssh:user@b
  tcplab run --client local --server "exec:docker exec -i web"

Exit status: 0.`,
    )
    .action(async () => {
      const { serve } = await import('../remote/agent.ts');
      await serve(() => {});
      process.exit(0);
    });
}
