import { InvalidArgumentError, Option } from 'commander';
import { TcplabError } from '../error.ts';
import { LAST_CLIENT_PORT } from '../lab/client-ports.ts';
import { CATALOGUE, findScenarios } from '../scenario/catalogue.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { bare, suggestion } from '../suggestion.ts';
import { ARCS, type Arc } from '../tcp/arcs.ts';
import { parseState, STATES, type State } from '../tcp/state.ts';

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/** `250`, `250ms`, `1.5s`, `2m`; a bare number is milliseconds. */
function parseDuration(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|min|h)?$/.exec(text) ?? [];
  const ms = number === undefined ? Number.NaN : Number(number) * (UNITS[unit ?? 'ms'] ?? 1);
  // Node's timers take no more.
  if (!(ms > 0 && ms < 2 ** 31)) {
    throw new InvalidArgumentError(
      'Expected a duration such as 250ms, 30s or 2m (more than 0, less than 24 days; a bare number is milliseconds)',
    );
  }
  return ms;
}

/** An option that takes a duration. Its help shows the default, in milliseconds, with the unit that a user would type. */
export function durationOption(flags: string, description: string, defaultMs?: number): Option {
  // `--for 2` ends after 2 ms: without this hint the user can't see why.
  const option = new Option(flags, `${description}; a bare number is milliseconds`).argParser(parseDuration);
  if (defaultMs === undefined) return option;
  return option.default(defaultMs, defaultMs % 1000 === 0 ? `${defaultMs / 1000}s` : `${defaultMs}ms`);
}

type Parser = (text: string) => number;

export const parseCount: Parser = wholeNumber('a whole number', 100_000);

export const parseJobs: Parser = wholeNumber('a number of tests', 64);

/** Each user of the number has its own upper limit, and checks it. */
export const parseWholeNumber: Parser = wholeNumber('a whole number');

export const parsePort: Parser = wholeNumber('a port', 65_535);

/** Further connections of the client get the next ports. */
export const parseClientPort: Parser = wholeNumber('a port', LAST_CLIENT_PORT);

function wholeNumber(what: string, most: number = Number.MAX_SAFE_INTEGER): Parser {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= 1 && number <= most) return number;
    const range = most === Number.MAX_SAFE_INTEGER ? 'from 1' : `from 1 to ${most}`;
    throw new InvalidArgumentError(`Expected ${what} ${range}`);
  };
}

/** The scenarios that the names mean, each once, in the order of the catalogue; all when no name is given. */
export async function scenariosNamed(names: string[]): Promise<readonly Scenario[]> {
  if (names.length === 0) return CATALOGUE;
  const wanted = new Set((await Promise.all(names.map(knownScenarios))).flat());
  return (await allScenarios()).filter((scenario) => wanted.has(scenario));
}

/** The one scenario that a name means: a scenario's id, or the first scenario of a state or transition. */
export async function scenarioNamed(name: string): Promise<Scenario> {
  return (await knownScenarios(name))[0];
}

/** What `explain` explains: a state in any spelling, a scenario, or the transitions that a name means. */
export async function subjectNamed(
  name: string,
): Promise<{ scenario: Scenario } | { state: State } | { arcs: Arc[] }> {
  // `listen` is a scenario and `LISTEN` a state. In any case, a name that is both means the state.
  const state = parseState(name);
  if (state) return { state };
  const scenario = await scenarioSpelled(name);
  if (scenario) return { scenario };
  const arcs = arcsNamed(name);
  if (arcs.length > 0) return { arcs };
  throw await unknownName(name);
}

/** The scenarios that a name means, in any spelling; none if nothing has that name. */
async function scenariosFor(name: string): Promise<Scenario[]> {
  const scenarios = findScenarios(name);
  if (scenarios.length > 0) return scenarios;
  const spelled = await scenarioSpelled(name);
  if (spelled) return [spelled];
  if (name === BOX) return [...(await boxCatalogue()).BOX_SCENARIOS];
  const { scenariosDriving } = await arcCatalogue();
  return [...new Set(arcsNamed(name).flatMap(({ number }) => scenariosDriving(number)))];
}

/** Loaded on demand, because they have more scenarios than the catalogue itself. */
const arcCatalogue = () => import('../scenario/arc-catalogue.ts');
const boxCatalogue = () => import('../scenario/box-catalogue.ts');

async function allScenarios(): Promise<Scenario[]> {
  const [{ ARC_SCENARIOS }, { BOX_SCENARIOS }] = await Promise.all([arcCatalogue(), boxCatalogue()]);
  return [...CATALOGUE, ...BOX_SCENARIOS, ...ARC_SCENARIOS];
}

/** All scenarios with a box between the hosts. */
const BOX = 'box';

/** A scenario by its id, in any spelling, as states have them: `close_wait_never_accepted`. */
async function scenarioSpelled(name: string): Promise<Scenario | undefined> {
  return (await allScenarios()).find(({ id }) => bare(id) === bare(name));
}

/** Arcs by their number (`8`) or their states (`SYN-SENT>CLOSED`, in any spelling). */
function arcsNamed(name: string): Arc[] {
  const [from, to] = name.split(/->|→|>/).map((text) => parseState(text));
  return ARCS.filter((arc) => String(arc.number) === name || (arc.from === from && arc.to === to));
}

async function knownScenarios(name: string): Promise<[Scenario, ...Scenario[]]> {
  const [first, ...others] = await scenariosFor(name);
  if (!first) throw await unknownName(name);
  return [first, ...others];
}

/** Every name of a scenario or state. */
export async function allNames(): Promise<string[]> {
  return (await allScenarios()).map(({ id }): string => id).concat(STATES);
}

/** Whether a scenario, state or transition has this name, in any spelling. */
export async function isName(name: string): Promise<boolean> {
  return (await scenariosFor(name)).length > 0;
}

async function unknownName(name: string): Promise<TcplabError> {
  const known = await allNames();
  return new TcplabError('USAGE', `no scenario, state or transition is called '${name}'`, {
    hint: suggestion(name, known, '`tcplab list` shows all'),
  });
}
