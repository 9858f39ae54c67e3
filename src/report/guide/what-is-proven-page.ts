import { judge, type Testimony } from '../../evidence/verdict.ts';
import { STATES, type State } from '../../tcp/state.ts';
import { markdownBlock, markdownTable } from './markdown.ts';
import { GENERATED, type Recorded } from './state-page.ts';

/** What packets tell in measured cells: of how many that begin in a state, in how many of these one state, and why not in others. */
export interface CellsOfState {
  state: string;
  cells: number;
  withCalls: number;
  without: number;
  why: readonly string[];
}

/** docs/what-is-proven.md: state by state, which witnesses see what each scenario holds, and what keeps the others from it. */
export function whatIsProvenPage({ machine, timelines }: Recorded, cells: readonly CellsOfState[]): string {
  const rows = STATES.flatMap((state) =>
    timelines.flatMap((timeline) => {
      const claim = timeline.of('claimed')[0];
      if (claim?.held.state !== state) return [];
      const { held } = judge(timeline);
      return [[linkTo(state), `\`${claim.scenario}\``, ...held.map(cell)]];
    }),
  );
  return [
    '# What each witness can see',
    GENERATED,
    markdownBlock(
      `Each row is a scenario of \`tcplab run\` as root on ${machine}. ✓ means that the witness saw the held state for the ` +
        'whole hold. Otherwise the cell says why it can\'t tell. [What "proven" means](what-proven-means.md) explains the witnesses.',
    ),
    markdownTable(['State', 'Scenario', 'Socket table', 'Packets', 'Kernel events'], rows),
    markdownBlock(
      'Packets alone would tell less. Calls that send nothing, such as `close()` behind unsent data, are known because tcplab ' +
        'makes them, or because the kernel reports the calls of programs to root. Where neither is so, several states fit the ' +
        'same segments. The packets witness then reports all of them, and what would decide.',
    ),
    '## Packets, event by event',
    markdownBlock(
      'The tests have measured cells of Linux: a state, an event (a segment, an ICMP error, a call) and the state after it. This ' +
        'is how many of them the packets witness narrows to one state, when it knows the calls and when it does not. In no cell ' +
        'does it exclude the true state. "Active" means a simultaneous open, "closed" means ' +
        'ended by `close()` instead of `shutdown()`.',
    ),
    markdownTable(
      ['State before', 'Cells', 'Calls known', 'Not known', 'Why not all'],
      cells.map(rowOfCells),
    ),
  ]
    .join('\n\n')
    .concat('\n');
}

function rowOfCells({ state, cells, withCalls, without, why }: CellsOfState): string[] {
  return [state, String(cells), String(withCalls), String(without), why.join('. ') || '–'];
}

function linkTo(state: State): string {
  return `[${state}](states/${state.toLowerCase()}.md)`;
}

function cell({ agrees, why }: Testimony): string {
  return agrees ? '✓' : `${agrees === false ? '✗' : '–'} ${why ?? ''}`.trim();
}
