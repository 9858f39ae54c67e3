import { InvalidArgumentError } from 'commander';
import { TcplabError } from '../error.ts';
import type { CrowdWish } from '../scenario/crowd-plan.ts';
import { parseWholeNumber, scenarioNamed } from './arguments.ts';

/** How many connections: of the scenario in the argument before, or of each in a list. */
export type Counts = number | readonly { name: string; count: number }[];

/** `10000`, or `close-wait=1000,syn-sent=200`. */
export function parseCounts(text: string): Counts {
  if (!text.includes('=')) return parseWholeNumber(text);
  return text.split(',').map((item) => {
    const [name = '', count, ...more] = item.split('=').map((word) => word.trim());
    if (name === '' || count === undefined || more.length > 0)
      throw new InvalidArgumentError('Expected a list such as close-wait=1000,syn-sent=200');
    return { name, count: parseWholeNumber(count) };
  });
}

export async function wishesOf(name: string | undefined, counts: Counts): Promise<CrowdWish[]> {
  const items = typeof counts === 'number' ? [{ name: nameGiven(name), count: counts }] : counts;
  const wishes: CrowdWish[] = [];
  for (const { name: each, count } of items) {
    const scenario = await scenarioNamed(each);
    if (wishes.some((wish) => wish.scenario === scenario)) {
      throw new TcplabError('USAGE', `--count names ${scenario.id} twice`, {
        hint: 'name each scenario once: a state means its first one (see `tcplab list`)',
      });
    }
    wishes.push({ scenario, count });
  }
  return wishes;
}

export function nameGiven(name: string | undefined): string {
  if (name !== undefined) return name;
  throw new TcplabError('USAGE', "missing required argument 'name': which state or scenario to hold", {
    hint: 'for example: tcplab hold close-wait; `tcplab list` has all names',
  });
}
