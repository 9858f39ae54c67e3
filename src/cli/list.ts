import { Command } from 'commander';
import { wrap } from '../report/layout.ts';
import { styleFor } from '../report/style.ts';
import { CATALOGUE, scenariosOf } from '../scenario/catalogue.ts';
import { STATES } from '../tcp/state.ts';

export function listCommand(): Command {
  return new Command('list')
    .summary('the scenarios, by the state that they hold')
    .description('Lists the scenarios by the state that they hold.')
    .option('--json', 'print an array of {id, title, host, state, peer, heldBy}')
    .addHelpText('after', '\nExample:\n  tcplab list --json | jq -r .[].id')
    .action(list);
}

function list({ json }: { json?: boolean }): void {
  if (json) {
    const scenarios = CATALOGUE.map(({ id, title, held, peer, heldBy }) => ({
      id,
      title,
      ...held,
      peer,
      heldBy,
    }));
    process.stdout.write(`${JSON.stringify(scenarios)}\n`);
    return;
  }
  const style = styleFor(process.stdout);
  for (const state of STATES) {
    const scenarios = scenariosOf(state);
    if (scenarios.length === 0) continue;
    process.stdout.write(`${style.bold(state)}\n`);
    for (const { id, title } of scenarios)
      process.stdout.write(`  ${id}\n${style.dim(wrap(title, 80, '      '))}\n`);
  }
}
