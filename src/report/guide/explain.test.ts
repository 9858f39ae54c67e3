import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { describeRule } from '../../lab/rule.ts';
import { ARC_SCENARIOS, scenariosDriving } from '../../scenario/arc-catalogue.ts';
import { CATALOGUE, scenariosOf } from '../../scenario/catalogue.ts';
import { runScenario } from '../../scenario/run.ts';
import { ARCS } from '../../tcp/arcs.ts';
import { STATES } from '../../tcp/state.ts';
import { parseSysctls, type TcpSysctls } from '../../tcp/sysctls.ts';
import { explainArcs, explainScenario, explainState } from './explain.ts';
import type { Section } from './explanation/explanation.ts';
import { duration, times } from './explanation/words.ts';
import { formatSections, textSections } from './sections.ts';

const settings = (sysctls: TcpSysctls) => ({ sysctls, of: 'this machine' });
const SYSCTLS: TcpSysctls = { ...parseSysctls(() => undefined), synLinearTimeouts: 4, maxOrphans: 8192 };

/** The text without line breaks, which depend on the width. */
const flat = (sections: Section[]) => formatSections(sections).replaceAll(/\s+/g, ' ');
const WIDTHS = [40, 60, 80, 100, 140, 200];

/** A line that can't be broken: one word, a quoted part of a command, a line of Python. */
const ONE_WORD =
  /^(?:- )?(?:\S+|[^']*'[^']*'\S*(?: \\)?|"[^"]*"|# \S+|tcplab \S+ \S+|(?:s = |[cs]\.)\w+\(.*)$/;

function expectToFit(sections: Section[]): void {
  for (const { title, text } of textSections(sections)) {
    expect(text.trim(), title).not.toBe('');
    expect(text, title).not.toMatch(/undefined|NaN|Infinity|null|\[object|[’“”]/);
  }
  for (const columns of WIDTHS) {
    const lines = formatSections(sections, { columns }).split('\n');
    for (const [index, line] of lines.entries()) {
      if (stringWidth(line) > columns) expect(line.trim(), `${columns} columns`).toMatch(ONE_WORD);
      if (line.endsWith(' \\')) expect(lines[index + 1], line).toMatch(/^ +\S/);
    }
  }
}

describe.each(STATES)('explaining %s', (state) => {
  it('has every part, in lines that fit', () => {
    const sections = explainState(state, settings(SYSCTLS));
    expectToFit(sections);
    expect(sections.map(({ title }) => title)).toEqual([
      state,
      'How a connection gets here',
      'What ends it, and when',
      'If you see many',
      'What to do',
      'Common misconceptions',
      'Try it',
      `Without tcplab: ${scenariosOf(state)[0]?.id}`,
    ]);
  });

  it('names the clause of every arc in and out', () => {
    const [, arrivals, departures] = textSections(explainState(state, settings(SYSCTLS)));
    for (const { from, to, clause } of ARCS) {
      if (to === state) expect(arrivals?.text).toContain(clause);
      if (from === state) expect(departures?.text).toContain(clause);
    }
  });
});

describe.each(STATES)('the recipe in the explanation of %s', (state) => {
  const scenarios = scenariosOf(state);
  const text = flat(explainState(state, settings(SYSCTLS)));

  it('has a line for each scenario', () => {
    expect(scenarios).not.toEqual([]);
    for (const { id, title } of scenarios) expect(text).toContain(`tcplab hold ${id} ${title}`);
  });

  it('is that of the first scenario, and names the commands for the others', () => {
    const [first, ...others] = scenarios;
    for (const step of first?.byHand.steps ?? []) {
      const line = 'run' in step ? step.run : 'look' in step ? step.look : undefined;
      if (line) expect(text.replaceAll(' \\ ', ' ')).toContain(line);
    }
    expect(text).toContain('# Clean up');
    for (const { id, title } of others) expect(text).toContain(`tcplab explain ${id} ${title}`);
  });
});

describe('the numbers', () => {
  const changes: [string, Parameters<typeof explainState>[0], Partial<TcpSysctls>, string, string][] = [
    ['SYN retries', 'SYN-SENT', { synRetries: 2 }, '134 s (2 min 14 s; ', 'after about 7 s'],
    ['SYN-ACK retries', 'SYN-RECEIVED', { synackRetries: 1 }, 'after about 64 s', 'after about 3 s'],
    ['data retries', 'ESTABLISHED', { retries2: 2 }, 'net.ipv4.tcp_retries2 = 15', 'after about 3.3 s'],
    ['orphan retries', 'FIN-WAIT-1', { orphanRetries: 1 }, 'which means 8', 'after about 1.7 s'],
    ['orphan retries', 'CLOSING', { orphanRetries: 1 }, 'which means 8', 'after about 1.7 s'],
    ['orphan retries', 'LAST-ACK', { orphanRetries: 1 }, 'which means 8', 'after about 1.7 s'],
    ['the FIN-WAIT-2 timeout', 'FIN-WAIT-2', { finTimeoutS: 61 }, 'after about 61 s', 'after about 2 s'],
    ['the peer’s timeout', 'CLOSE-WAIT', { finTimeoutS: 5 }, 'after about 61 s', 'after about 5 s'],
    ['the RST’s power', 'TIME-WAIT', { rfc1337: 1 }, 'ends it sooner (net', 'does not end it sooner'],
    ['the backlog’s cap', 'LISTEN', { somaxconn: 128 }, 'somaxconn = 4096', 'somaxconn = 128'],
  ];
  it.each(changes)('change with the sysctls: %s of %s', (_, state, change, before, after) => {
    const [usual, changed] = [
      flat(explainState(state, settings(SYSCTLS))),
      flat(explainState(state, settings({ ...SYSCTLS, ...change }))),
    ];
    expect(usual).toContain(before);
    expect(usual).not.toContain(after);
    expect(changed).toContain(after);
    expect(changed).not.toContain(before);
  });

  it('come without a number where it can’t be read', () => {
    expect(flat(explainState('FIN-WAIT-1', settings({ ...SYSCTLS, maxOrphans: null })))).toContain(
      'Beyond tcp_max_orphans,',
    );
  });

  it('are written as a person would', () => {
    expect([200, 1440, 64_000, 134_000, 7_950_000].map(duration)).toEqual([
      '200 ms',
      '1.4 s',
      '64 s',
      '134 s (2 min 14 s)',
      '7950 s (2 h 12 min)',
    ]);
    const schedule = (offsetsMs: number[]) => ({ offsetsMs, lossProbes: 0, endMs: null, because: '' });
    expect(times(schedule([1016]))).toBe('1 s');
    expect(times(schedule([206, 414, 834]))).toBe('0.2, 0.4 and 0.8 s');
    expect(times(schedule(Array.from({ length: 20 }, (_, index) => (index + 1) * 1000)))).toBe(
      '1, 2, 3, 4, 5, 6, 7, 8, 9, 10, … and 20 s',
    );
  });
});

describe.each(CATALOGUE)('explaining the scenario $id', (scenario) => {
  it('has every part, in lines that fit', () => {
    const sections = explainScenario(scenario, settings(SYSCTLS));
    expectToFit(sections);
    const titles = sections.map(({ title }) => title);
    expect(titles).toEqual(
      expect.arrayContaining([
        'How it comes about',
        'What the other end shows',
        'Good to know',
        'Try it',
        `Without tcplab: ${scenario.id}`,
      ]),
    );
    expect(flat(sections)).toContain(`tcplab hold ${scenario.id}`);
  });

  it('names the rules that it really sets', async () => {
    const timeline = await runScenario(scenario, { holdMs: 0 });
    // The port of a client is another in each run.
    const anyClient = (text: string) => text.replace(/(tcp [sd]port) (?!80 )\d+ /, '$1 PORT ');
    const set = timeline.of('rule-set').map(({ host, text }) => `${host}: ${anyClient(text)}`);
    const { rules } = scenario.explanation;
    expect(rules.map(({ host, rule }) => `${host}: ${anyClient(describeRule(rule, 'ipv4'))}`)).toEqual(set);
  });
});

describe.each(ARC_SCENARIOS)('explaining the scenario $id', (scenario) => {
  it('says which arcs it is made for and who takes them, in lines that fit', () => {
    const sections = explainScenario(scenario, settings(SYSCTLS));
    expectToFit(sections);
    const text = flat(sections.filter(({ title }) => title === 'What it is for'));
    for (const host of ['client', 'server'] as const) {
      for (const number of scenario.arcs?.[host] ?? []) {
        expect(text).toContain(`transition ${number} at the ${host}: `);
      }
    }
    expect(flat(sections)).toContain(`tcplab hold ${scenario.id}`);
  });
});

describe('explaining an arc', () => {
  it.each(ARCS)('$number from $from to $to names its clause and what drives it, in lines that fit', (arc) => {
    const sections = explainArcs([arc]);
    expectToFit(sections);
    expect(sections[0]?.title).toMatch(
      new RegExp(`^Transition ${arc.number}: ${arc.from} → .*${arc.to}$|SYN-RECEIVED → LISTEN or CLOSED$`),
    );
    expect(flat(sections)).toMatch(
      new RegExp(
        arc.refusal
          ? `RFC 9293 \\(${arc.clause}\\) has this transition: .*\\. Linux refuses it: `
          : `takes it when .* \\(RFC 9293, ${arc.clause}\\)\\.`,
      ),
    );
    for (const { id } of scenariosDriving(arc.number)) {
      expect(flat(sections)).toContain(`- ${id}: `);
      expect(flat(sections)).toContain(`tcplab run ${id} `);
    }
  });

  it('says who takes it', () => {
    expect(flat(explainArcs(ARCS.filter(({ number }) => number === 5)))).toContain(
      '- listen-closed: a server closes its listening socket (the server takes it)',
    );
  });
});

describe.each(['fin-wait-1-behind-data', 'last-ack-behind-data'])('explaining %s', (id) => {
  const scenario = CATALOGUE.find((one) => one.id === id);
  const text = scenario ? flat(explainScenario(scenario, settings(SYSCTLS))) : '';

  it('has a text of the state that allows for a FIN that is not sent', () => {
    expect(text).toContain('or the FIN still waits behind unsent data');
    expect(text).not.toMatch(/and sent its FIN\.|Its FIN has been sent;/);
  });

  it('explains once what the kernel does while the window is 0', () => {
    const [, end = ''] = text.split(/What ends [A-Z-]+1?, and when/);
    expect(end.match(/window probes/g)).toHaveLength(1);
  });
});

it('says in a sentence which rules hold a state', () => {
  const heldBy = (id: string) => {
    const scenario = CATALOGUE.find((one) => one.id === id);
    return scenario && flat(explainScenario(scenario, settings(SYSCTLS)));
  };
  expect(heldBy('fin-wait-1')).toContain('Held by: a rule on the server drops incoming segments.');
  expect(heldBy('half-open')).toContain('Held by: rules on the server drop incoming and outgoing segments.');
  expect(heldBy('closed-rejected-rst')).toContain('Held by: a rule on the server rejects incoming segments.');
  for (const { id } of CATALOGUE) expect(heldBy(id)).not.toMatch(/Held by: (client|server) /);
});

describe('a transition that Linux refuses', () => {
  const refused = ARCS.filter(({ refusal }) => refusal !== undefined);

  it.each(refused)('$number from $from to $to is not said to be taken', (arc) => {
    const text = flat(explainArcs([arc]));
    expect(text).toContain(`Linux refuses it: ${arc.refusal}.`);
    expect(text).toContain('show the refusal');
    expect(text).not.toMatch(/takes? it|take it and prove it/);
  });

  it('is not among the ways into its state on Linux, or out of it', () => {
    const text = flat(explainState('SYN-SENT', settings(SYSCTLS)));
    expect(text).toContain('- from CLOSED, when the program calls connect() (RFC 9293, 3.10.1)');
    expect(text).toContain(
      '- from LISTEN in RFC 9293 (3.10.1), when the program calls connect(), but on Linux, connect() fails with EISCONN',
    );
    expect(flat(explainState('TIME-WAIT', settings(SYSCTLS)))).toContain('but on Linux, TIME-WAIT stays');
  });

  it('leaves its neighbors as they are', () => {
    const text = flat(explainArcs(ARCS.filter(({ from }) => from === 'TIME-WAIT')));
    expect(text).toContain('tcplab run time-wait-aborted show the refusal');
    expect(text).toContain('tcplab run time-wait-reset take it and prove it');
  });
});

describe('an explanation on a terminal', () => {
  it('uses its width, but no more than 100 columns for prose', () => {
    const widest = (columns: number) => {
      const [summary] = textSections(explainState('TIME-WAIT', settings(SYSCTLS)), columns);
      return Math.max(...(summary?.text ?? '').split('\n').map((line) => stringWidth(line)));
    };
    expect(widest(60)).toBeLessThan(60);
    expect(widest(95)).toBeGreaterThan(80);
    expect(widest(240)).toBe(widest(100));
  });

  it('does not break a line between a number and its unit', () => {
    for (let columns = 40; columns <= 100; columns++) {
      const text = formatSections(explainState('SYN-SENT', settings(SYSCTLS)), { columns });
      expect(text, `${columns} columns`).not.toMatch(/\d\n *(?:s|min|ms)\b|=\n|RFC\n/);
    }
  });

  it('has its headings marked as it is asked to', () => {
    const sections: Section[] = [{ title: 'One', blocks: ['text'] }];
    expect(formatSections(sections, { bold: (text) => `*${text}*` })).toBe('*One*\n  text\n');
    expect(formatSections(sections)).toBe('One\n  text\n');
  });
});
