import { Command } from 'commander';

export function agentCommand(): Command {
  return new Command('agent')
    .summary('(internal) serve a remote tcplab over standard input and output')
    .description(
      'Serves hosts on this machine to a remote tcplab, which starts it with ssh, docker exec, kubectl exec or similar. ' +
        'They exchange one JSON object per line over standard input and output; you never need to start it yourself. ' +
        'It undoes all changes on this machine when it exits, and exits when it hears nothing for 8 s.',
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
