import { Command } from 'commander';

export function doctorCommand(): Command {
  return new Command('doctor')
    .summary('what this machine can and cannot do, and what mends it')
    .action(() => {});
}
