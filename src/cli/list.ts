import type { Command } from 'commander';
import { WIDEST_TABLE, wrap } from '../report/terminal/layout.ts';
import { styleFor } from '../report/terminal/style.ts';
import { BOX_SCENARIOS } from '../scenario/box-catalogue.ts';
import { CATALOGUE, scenariosOf } from '../scenario/catalogue.ts';
import { STATES } from '../tcp/state.ts';
import { newCommand } from './commands.ts';
import { helpEnd } from './help.ts';

export function listCommand(): Command {
  return newCommand('list')
    .description('List the scenarios by the state that they hold. (`tcplab arcs` lists the transitions.)')
    .option('--box', 'those with a firewall or router between the hosts (`tcplab run box`, docs/boxes.md)')
    .option('--json', 'JSON array of {id, title, host, state, peer, heldBy} on standard output')
    .addHelpText(
      'after',
      helpEnd(['tcplab list', 'tcplab list --box', 'tcplab list --json | jq -r .[].id'], 'Exit status: 0.'),
    )
    .action(list);
}

interface Options {
  json?: boolean;
  box?: boolean;
}

function list({ json, box }: Options): void {
  if (json) {
    const scenarios = (box ? BOX_SCENARIOS : CATALOGUE).map(({ id, title, held, peer, heldBy }) => ({
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
  const width = Math.min(process.stdout.columns || 80, WIDEST_TABLE);
  for (const state of STATES) {
    const scenarios = box ? BOX_SCENARIOS.filter(({ held }) => held.state === state) : scenariosOf(state);
    if (scenarios.length === 0) continue;
    process.stdout.write(`${style.bold(state)}\n`);
    for (const { id, title } of scenarios)
      process.stdout.write(`  ${id}\n${style.dim(wrap(title, width, '      '))}\n`);
  }
}
