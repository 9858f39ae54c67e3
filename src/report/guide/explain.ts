import { type HostName, otherHost } from '../../evidence/events.ts';
import { describeRule, iptablesCommand, type Rule } from '../../lab/rule.ts';
import { scenariosDriving } from '../../scenario/arc-catalogue.ts';
import { scenariosOf } from '../../scenario/catalogue.ts';
import type { BoxScenario, CatalogueScenario, Scenario } from '../../scenario/scenario.ts';
import { ARCS, type Arc, describeTrigger } from '../../tcp/arcs.ts';
import type { State } from '../../tcp/state.ts';
import type { TcpSysctls } from '../../tcp/sysctls.ts';
import { boxSections } from './box-sections.ts';
import type { Block, Section } from './explanation/explanation.ts';
import { STATE_EXPLANATIONS } from './explanation/states.ts';

/** Settings, and the name of their owner: `this machine`. */
export interface Settings {
  sysctls: TcpSysctls;
  of: string;
}

/** Explains a state: its meaning, its beginning, its end with these settings, what to do, and how to make it. */
export function explainState(state: State, settings: Settings): Section[] {
  const { what, many, remedy, mistakes } = STATE_EXPLANATIONS[state];
  const scenarios = scenariosOf(state);
  return [
    { title: state, blocks: what },
    {
      title: 'How a connection gets here',
      blocks: [{ points: arrivals(state) }],
    },
    {
      title: 'What ends it, and when',
      blocks: [{ points: departures(state) }, ...endWith(state, settings)],
    },
    { title: 'If you see many', blocks: many },
    { title: 'What to do', blocks: remedy },
    { title: 'Common misconceptions', blocks: [{ points: mistakes }] },
    {
      title: 'Try it',
      blocks: [{ commands: scenarios.map(({ id, title }) => ({ run: `tcplab hold ${id}`, does: title })) }],
    },
    ...recipeOf(scenarios),
  ];
}

/** Explains a scenario: how it comes about, what the other end shows, and what ends it with these settings. */
export function explainScenario(
  scenario: Scenario | CatalogueScenario | BoxScenario,
  settings: Settings,
): Section[] {
  const { id, title, held, peer, conditions, heldBy } = scenario;
  const peerText = conditions?.includes('own-peer')
    ? 'the socket is its own peer'
    : `the ${otherHost(held.host)} is in ${peer}`;
  return [
    {
      title: id,
      blocks: [
        `${title.charAt(0).toUpperCase()}${title.slice(1)}.`,
        `tcplab holds the ${held.host} in ${held.state}; ${peerText}. Held by: ${inFull(heldBy)}.`,
      ],
    },
    ...howAndWhy(scenario),
    { title: held.state, blocks: STATE_EXPLANATIONS[held.state].what },
    { title: `What ends ${held.state}, and when`, blocks: endWith(held.state, settings) },
    ...('byHand' in scenario ? recipeOf([scenario]) : []),
    {
      title: 'Try it',
      blocks: [
        {
          commands: [
            {
              run: `tcplab hold ${id}`,
              does: 'reach the state and stay in it, with a live view of both ends',
            },
            { run: `tcplab run ${id}`, does: 'reach the state, prove it, and exit' },
            { run: `tcplab explain ${held.state.toLowerCase()}`, does: 'everything about the state' },
          ],
        },
      ],
    },
  ];
}

function howAndWhy(scenario: Scenario | CatalogueScenario | BoxScenario): Section[] {
  if ('about' in scenario) return boxSections(scenario);
  if (!('explanation' in scenario))
    return [{ title: 'What it is for', blocks: [{ points: drivenArcs(scenario).map(describeDrive) }] }];
  const { steps, rules, peer, remark } = scenario.explanation;
  return [
    { title: 'How it comes about', blocks: [{ points: steps }] },
    ...(rules.length
      ? [{ title: 'The rules', blocks: rules.map(({ host, rule }) => ruleBlock(host, rule)) }]
      : []),
    { title: 'What the other end shows', blocks: [peer] },
    { title: 'Good to know', blocks: [remark] },
  ];
}

/** `server drops in` fills a cell of a table; in a sentence it needs its words. */
function inFull(heldBy: string): string {
  const [, host, verb, way] =
    /^(client|server) (drops|rejects) (in and out|in|out|its RSTs)$/.exec(heldBy) ?? [];
  if (host === undefined || verb === undefined || way === undefined) return heldBy;
  if (way === 'in and out') return `rules on the ${host} drop incoming and outgoing segments`;
  const segments = { in: 'incoming segments', out: 'outgoing segments' }[way] ?? way;
  return `a rule on the ${host} ${verb} ${segments}`;
}

/** Explains transitions: the trigger of each, its clause, and the scenarios that take it or show that Linux does not. */
export function explainArcs(arcs: readonly Arc[]): Section[] {
  const states = [...new Set(arcs.flatMap(({ from, to }) => [from, to]))];
  return [
    ...numbered(arcs).map(
      (arc): Section => ({
        title: `Transition ${arc.number}: ${arc.from} → ${arc.to}`,
        blocks: [
          arc.refusal
            ? `RFC 9293 (${arc.clause}) has this transition: ${describeTrigger(arc)}. Linux refuses it: ${arc.refusal}.`
            : `A connection takes it when ${triggerWithClause(arc)}.`,
          ...(arc.to.includes(' ')
            ? ['After a passive open it leads to LISTEN, after a simultaneous open to CLOSED.']
            : []),
          arc.refusal ? 'These scenarios show the refusal:' : 'These scenarios take it on purpose:',
          { points: scenariosDriving(arc.number).map((scenario) => describeDriver(scenario, arc)) },
        ],
      }),
    ),
    {
      title: 'Try it',
      blocks: [
        {
          commands: [
            ...tries(arcs),
            ...states.map((state) => ({
              run: `tcplab explain ${state.toLowerCase()}`,
              does: `everything about ${state}`,
            })),
            { run: 'tcplab arcs', does: 'prove every transition, taken or refused' },
          ],
        },
      ],
    },
  ];
}

function tries(arcs: readonly Arc[]): { run: string; does: string }[] {
  const lines = arcs.flatMap(({ number, refusal }) =>
    scenariosDriving(number).map(({ id, slow }) => ({
      run: `tcplab run ${id}`,
      does: `${refusal ? 'show the refusal' : 'take it and prove it'}${slow ? ' (about 1 min)' : ''}`,
    })),
  );
  return lines.filter(({ run }, index) => lines.findIndex((line) => line.run === run) === index);
}

/** The recipe of the first scenario, and where those of the others are. */
function recipeOf([first, ...others]: readonly CatalogueScenario[]): Section[] {
  if (!first) return [];
  const more = others.map(({ id, title }) => ({ run: `tcplab explain ${id}`, does: title }));
  return [
    {
      title: `Without tcplab: ${first.id}`,
      blocks: [
        { recipe: first.byHand },
        ...(more.length ? ['For the other scenarios:', { commands: more }] : []),
      ],
    },
  ];
}

/** What ends a state apart from its transitions; if it has numbers, the owner of the settings. */
function endWith(state: State, { sysctls, of }: Settings): Block[] {
  const blocks = STATE_EXPLANATIONS[state].end(sysctls);
  const hasSettings = /\bnet\.\w/.test(JSON.stringify(blocks));
  return [...blocks, ...(hasSettings ? [`The times and settings are those of ${of}.`] : [])];
}

/** `to`: `LISTEN or CLOSED` for the two that share a number. */
type NumberedArc = Omit<Arc, 'to'> & { to: string };

function numbered(arcs: readonly Arc[]): NumberedArc[] {
  const first = arcs.filter(({ number }, index) => arcs.findIndex((arc) => arc.number === number) === index);
  return first.map((arc) => {
    const ends = ARCS.filter(({ number }) => number === arc.number);
    return { ...arc, to: ends.map(({ to }) => to).join(' or ') };
  });
}

interface DrivenArc {
  host: HostName;
  arc: NumberedArc;
}

function drivenArcs({ arcs = {} }: Scenario): DrivenArc[] {
  return (['client', 'server'] as const).flatMap((host) =>
    numbered(ARCS.filter(({ number }) => arcs[host]?.includes(number))).map((arc) => ({ host, arc })),
  );
}

function describeDrive({ host, arc }: DrivenArc): string {
  const { number, from, to, refusal } = arc;
  const which = `transition ${number} at the ${host}: ${from} → ${to}, when ${triggerWithClause(arc)}`;
  return refusal ? `${which}. Linux refuses it: ${refusal}` : which;
}

/** `fin-wait-1: a client closes, … (the client takes it)`; of a transition that Linux refuses: `(on the server)` */
function describeDriver(scenario: Scenario, { number, refusal }: NumberedArc): string {
  const { id, title } = scenario;
  const hosts = drivenArcs(scenario).flatMap(({ host, arc }) => (arc.number === number ? host : []));
  if (refusal) return `${id}: ${title} (on the ${hosts[0]})`;
  const takers = new Set(hosts).size > 1 ? 'both ends take' : `the ${hosts[0]} takes`;
  return `${id}: ${title} (${takers} it)`;
}

function triggerWithClause(arc: Pick<Arc, 'from' | 'trigger' | 'clause'>): string {
  return `${describeTrigger(arc)} (RFC 9293, ${arc.clause})`;
}

function ruleBlock(host: HostName, rule: Rule): Block {
  return {
    to: `On the ${host}:`,
    run: iptablesCommand(rule, 'ipv4'),
    note: `As an nftables rule: ${describeRule(rule, 'ipv4')}`,
  };
}

function arrivals(state: State): string[] {
  const groups = byTrigger(ARCS.filter(({ to }) => to === state));
  return groups.map(({ trigger, arcs, clauses, refusal }) => {
    const from = listed([...new Set(arcs.map((arc) => arc.from))], 'or');
    return refusal
      ? `from ${from} in RFC 9293 (${clauses}), when ${trigger}, but on Linux, ${refusal}`
      : `from ${from}, when ${trigger} (RFC 9293, ${clauses})`;
  });
}

function departures(state: State): string[] {
  const groups = byTrigger(ARCS.filter(({ from }) => from === state));
  return groups.map(({ trigger, arcs, clauses, refusal }) => {
    const to = listed([...new Set(arcs.map((arc) => arc.to))], 'or');
    return refusal
      ? `${trigger}: ${to} in RFC 9293 (${clauses}), but on Linux, ${refusal}`
      : `${trigger}: ${to} (RFC 9293, ${clauses})`;
  });
}

interface Group {
  trigger: string;
  arcs: Arc[];
  clauses: string;
  refusal?: string;
}

/** Transitions in groups with the same trigger and the same answer of Linux, in the order of the table. */
function byTrigger(arcs: readonly Arc[]): Group[] {
  const kind = (arc: Arc) => `${describeTrigger(arc)}|${arc.refusal}`;
  return [...new Set(arcs.map(kind))].flatMap((wanted) => {
    const group = arcs.filter((arc) => kind(arc) === wanted);
    const [first] = group;
    if (!first) return [];
    const clauses = [...new Set(group.map(({ clause }) => clause))].join(', ');
    const { refusal } = first;
    return { trigger: describeTrigger(first), arcs: group, clauses, ...(refusal && { refusal }) };
  });
}

/** `a, b or c` */
function listed(words: readonly string[], conjunction: string): string {
  const [last, rest] = [words.at(-1), words.slice(0, -1)];
  return rest.length ? `${rest.join(', ')} ${conjunction} ${last}` : `${last}`;
}
