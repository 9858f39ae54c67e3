import { Command } from 'commander';

export function explainCommand(): Command {
  return new Command('explain')
    .summary('what a state or scenario is, what ends it, what to do about it')
    .argument('<name>', 'a state in any spelling, or a scenario (see `tcplab list`)')
    .action(() => {});
}
