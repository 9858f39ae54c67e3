import { Command } from 'commander';

export function holdCommand(): Command {
  return new Command('hold').summary('bring a connection into a state and stay there').action(() => {});
}
