import { type HostName, otherHost } from '../evidence/events.ts';
import { describeRule, iptablesCommand, type Rule } from '../lab/rule.ts';
import { scenariosDriving } from '../scenario/arc-catalogue.ts';
import { scenariosOf } from '../scenario/catalogue.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { ARCS, type Arc, type Trigger } from '../tcp/arcs.ts';
import type { State } from '../tcp/state.ts';
import type { TcpSysctls } from '../tcp/sysctls.ts';
import { formatByHand } from './by-hand/format.ts';
import { byHand } from './by-hand/recipes.ts';
import type { Block } from './explanation/explanation.ts';
import { SCENARIO_EXPLANATIONS } from './explanation/scenarios.ts';
import { STATE_EXPLANATIONS } from './explanation/states.ts';
import { wrap } from './layout.ts';

/** A part of an explanation: plain text for a terminal of 80 columns. */
export interface Section {
  title: string;
  /** In lines of at most 78 columns, paragraphs apart. */
  text: string;
}

/** What a state is, who goes there, and what ends it on a machine with these settings. */
export function explainState(state: State, sysctls: TcpSysctls): Section[] {
  const { what, end, many, remedy, mistakes } = STATE_EXPLANATIONS[state];
  const [arrivals, departures] = [
    ARCS.filter(({ to }) => to === state),
    ARCS.filter(({ from }) => from === state),
  ];
  return [
    section(state, what),
    section('Who goes there, and on what', [{ points: describeArcs(arrivals, ({ from }) => from, 'from') }]),
    section('What ends it, and when', [
      { points: describeArcs(departures, ({ to }) => to, 'to') },
      'On this machine:',
      ...end(sysctls),
    ]),
    section('When there are many', many),
    section('What to do', remedy),
    section('What people get wrong', [{ points: mistakes }]),
    section(
      'See it',
      scenariosOf(state).map(({ id, title }): Block => ({ run: `tcplab hold ${id}`, does: title })),
    ),
  ];
}

/** How a scenario comes about, how it looks from the other end, and what ends it on a machine with these settings. */
export function explainScenario(scenario: Scenario, sysctls: TcpSysctls): Section[] {
  const { id, title, held, peer, heldBy } = scenario;
  const { what, end } = STATE_EXPLANATIONS[held.state];
  const told = SCENARIO_EXPLANATIONS[id];
  const recipe = byHand(id);
  const summary = section(id, [
    `${title.charAt(0).toUpperCase()}${title.slice(1)}.`,
    `The ${held.host} is held in ${held.state}; the ${otherHost(held.host)} is in ${peer}. Held by: ${heldBy}.`,
  ]);
  const own = told && [
    section('How it comes about', [{ points: told.steps }]),
    ...(told.rules.length
      ? [
          section(
            'The rules, by hand',
            told.rules.map(({ host, rule }) => ruleBlock(host, rule)),
          ),
        ]
      : []),
    section('How it looks from the other end', [told.peer]),
    section('Worth knowing', [told.remark]),
  ];
  return [
    summary,
    ...(own ?? [section('What it is made for', [{ points: drivenArcs(scenario).map(describeDrive) }])]),
    section(held.state, what),
    section(`What ends ${held.state} on this machine`, end(sysctls)),
    ...(recipe ? [{ title: 'By hand, on two machines', text: formatByHand(recipe) }] : []),
    section('See it', [
      { run: `tcplab hold ${id}`, does: 'brings it there and stays, with a live view of both ends' },
      { run: `tcplab run ${id}`, does: 'brings it there, proves it, and is done' },
      { run: `tcplab explain ${held.state.toLowerCase()}`, does: 'all there is to say of the state' },
    ]),
  ];
}

/** Arcs: on what each is taken, by which clause, and who takes it in which scenario. */
export function explainArcs(arcs: readonly Arc[]): Section[] {
  const driving = [...new Set(arcs.flatMap(({ number }) => scenariosDriving(number)))];
  const states = [...new Set(arcs.flatMap(({ from, to }) => [from, to]))];
  return [
    ...numbered(arcs).map((arc) =>
      section(`Arc ${arc.number}: ${arc.from} → ${arc.to}`, [
        `Taken when ${describeTrigger(arc)}.`,
        ...(arc.to.includes(' ') ? ['Where it leads depends on how the end came there.'] : []),
        'Driven on purpose by:',
        { points: scenariosDriving(arc.number).map((scenario) => describeDriver(scenario, arc)) },
      ]),
    ),
    section('See it', [
      ...driving.map(({ id, slow }): Block => {
        return {
          run: `tcplab run ${id}`,
          does: `takes it and proves it${slow ? ', in about a minute' : ''}`,
        };
      }),
      ...states.map((state): Block => {
        return { run: `tcplab explain ${state.toLowerCase()}`, does: `all there is to say of ${state}` };
      }),
      { run: 'tcplab arcs', does: 'drives every arc and proves it' },
    ]),
  ];
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
  const { number, from, to } = arc;
  return `arc ${number}, which the ${host} takes: ${from} → ${to}, when ${describeTrigger(arc)}`;
}

/** `fin-wait-1: a client closes, …; the client takes it` */
function describeDriver(scenario: Scenario, { number }: NumberedArc): string {
  const { id, title } = scenario;
  const hosts = drivenArcs(scenario).flatMap(({ host, arc }) => (arc.number === number ? host : []));
  const who = new Set(hosts).size > 1 ? 'both ends take' : `the ${hosts[0]} takes`;
  return `${id}: ${title}; ${who} it`;
}

function describeTrigger({ trigger, clause }: NumberedArc): string {
  return `${TRIGGERS[trigger]} (RFC 9293, ${clause})`;
}

/** Puts sections one below the other, each under its title. */
export function formatSections(
  sections: readonly Section[],
  { bold = (text: string) => text }: { bold?: (text: string) => string } = {},
): string {
  return sections.map(({ title, text }) => `${bold(title)}\n${text}\n`).join('\n');
}

const WIDTH = 78;
const INDENT = '  ';

function section(title: string, blocks: readonly Block[]): Section {
  return { title, text: blocks.map(formatBlock).join('\n\n') };
}

function formatBlock(block: Block): string {
  if (typeof block === 'string') return wrap(block, WIDTH, INDENT);
  if ('points' in block) return block.points.map(formatPoint).join('\n');
  return `${formatCommand(block.run)}\n${wrap(block.does, WIDTH, `${INDENT}    `)}`;
}

function formatPoint(text: string): string {
  const body = wrap(text, WIDTH, `${INDENT}  `);
  return `${INDENT}- ${body.slice(INDENT.length + 2)}`;
}

/** A command that is too long for a line goes on in the next, as a shell reads it. */
function formatCommand(command: string): string {
  const lines = wrap(command, WIDTH - 2, `${INDENT}  `).split('\n');
  return lines.map((line, index) => (index === 0 ? line : `  ${line}`)).join(' \\\n');
}

function ruleBlock(host: HostName, rule: Rule): Block {
  return {
    run: iptablesCommand(rule, 'ipv4'),
    does: `on the ${host}; in nft’s words: ${describeRule(rule, 'ipv4')}`,
  };
}

/** One point for each trigger, with all the states at the arcs' other ends. */
function describeArcs(
  arcs: readonly Arc[],
  otherEnd: (arc: Arc) => State,
  preposition: 'from' | 'to',
): string[] {
  if (arcs.length === 0) return ['nothing: this is where every connection begins'];
  return [...new Set(arcs.map(({ trigger }) => trigger))].map((trigger) => {
    const group = arcs.filter((arc) => arc.trigger === trigger);
    const states = [...new Set(group.map(otherEnd))].join(', ');
    const clauses = [...new Set(group.map(({ clause }) => clause))].join(', ');
    return `${preposition} ${states}: ${TRIGGERS[trigger]} (RFC 9293, ${clauses})`;
  });
}

const TRIGGERS: Readonly<Record<Trigger, string>> = {
  listen: 'the program calls listen()',
  connect: 'the program calls connect()',
  close: 'the program closes or shuts down',
  abort: 'the program aborts (SO_LINGER 0, or data unread at close)',
  destroy: 'the administrator ends it (ss -K)',
  SYN: 'a SYN comes',
  'SYN-ACK': 'a SYN-ACK comes',
  'ACK of SYN': 'the ACK of its SYN comes',
  FIN: 'a FIN comes',
  'ACK of FIN': 'the ACK of its FIN comes',
  'FIN with ACK of FIN': 'a FIN comes that acknowledges its own',
  RST: 'an RST comes',
  'ICMP unreachable': 'an ICMP error comes that says unreachable',
  'retries exhausted': 'nobody answers, and the retries are over',
  'keepalive exhausted': 'nobody answers the keepalive probes',
  'FIN-WAIT-2 timeout': 'the peer’s FIN does not come in time, and no descriptor is open',
  '2 MSL': 'the wait of 2 MSL is over',
};
