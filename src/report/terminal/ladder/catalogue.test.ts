import { beforeAll, describe, expect, it } from 'vitest';
import { PLAIN } from '../../../../test/drawn.ts';
import { otherHost } from '../../../evidence/events.ts';
import { passages } from '../../../evidence/segments.ts';
import type { Timeline } from '../../../evidence/timeline.ts';
import { stateHistoryOf } from '../../../evidence/transitions.ts';
import { ARC_SCENARIOS } from '../../../scenario/arc-catalogue.ts';
import { CATALOGUE } from '../../../scenario/catalogue.ts';
import { runScenario } from '../../../scenario/run.ts';
import type { Scenario } from '../../../scenario/scenario.ts';
import { Turn } from '../../../scenario/turn.ts';
import type { Family } from '../../../tcp/endpoint.ts';
import { STATES } from '../../../tcp/state.ts';
import { connectionsOf, sameConnection } from '../../story/connections.ts';
import { columnsOf } from '../text.ts';
import { formatLadder, ladderParts } from './ladder.ts';
import { pageOf } from './page.ts';

const PAGE = pageOf();

const timelines = new Map<string, Timeline>();

beforeAll(async () => {
  const turn = new Turn();
  const runs = CASES.map(async ([name, scenario, family]) => {
    timelines.set(name, await runScenario(scenario, { turn, family, holdMs: 100 }));
  });
  await Promise.all(runs);
});

const CASES: [name: string, scenario: Scenario, family: Family][] = [
  ...CATALOGUE.flatMap((scenario): typeof CASES => [
    [scenario.id, scenario, 'ipv4'],
    [`${scenario.id} over IPv6`, scenario, 'ipv6'],
  ]),
  ...ARC_SCENARIOS.filter(({ slow }) => !slow).map((scenario): (typeof CASES)[number] => [
    scenario.id,
    scenario,
    'ipv4',
  ]),
];

describe.each(CASES)('the ladder of %s', (name) => {
  const timeline = () => timelines.get(name) as Timeline;
  const connection = () => {
    const claim = timeline().of('claimed')[0];
    if (!claim) throw new Error(`${name} was not reached: ${timeline().of('gave-up')[0]?.why}`);
    return claim.connection;
  };
  /** Each row taken apart: beside the client's lifeline, between the two, beside the server's. */
  const rows = () =>
    ladderParts(timeline(), { ascii: false, style: PLAIN }).rows.map((text) => {
      const characters = [...text.padEnd(PAGE.width)];
      const part = (from: number, to: number) => characters.slice(from, to).join('');
      return {
        text,
        left: part(PAGE.time + 1, PAGE.client),
        wire: part(PAGE.client + 1, PAGE.server),
        right: part(PAGE.server + 1, PAGE.width),
      };
    });

  it.each([40, 60, 80, 100, 160, 240])('is never wider than %i columns', (width) => {
    for (const ascii of [false, true]) {
      const lines = formatLadder(timeline(), { ascii, style: PLAIN, width }).split('\n');
      expect(lines.filter((line) => columnsOf(line) > width)).toEqual([]);
    }
  });

  it('has nothing but ASCII when asked', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: everything that is not ASCII
    expect(formatLadder(timeline(), { ascii: true, style: PLAIN })).not.toMatch(/[^\x00-\x7f]/);
  });

  it('shows each transition once, at its host, in order', () => {
    const { transitions } = stateHistoryOf(timeline(), connection());
    const shown = (texts: string[]) => {
      return texts
        .map((text) => text.trim().replace(/ \?$|^LISTEN → /, ''))
        .filter((text) => STATES.some((state) => state === text));
    };
    const of = (host: string) => transitions.filter((one) => one.host === host).map(({ to }) => to);
    expect(shown(rows().map(({ left }) => left))).toEqual(of('client'));
    expect(shown(rows().map(({ right }) => right))).toEqual(of('server'));
  });

  it('shows each segment once, and those of other connections, one by one or counted', () => {
    const others = connectionsOf(timeline()).filter((other) => !sameConnection(other, connection()));
    const own = passages(timeline(), connection());
    const foreign = others.flatMap((other) => passages(timeline(), other));
    const labels = rows().flatMap(
      ({ wire }) => /(:\d+ )?\[\S+\]|(:\d+ )?ICMP /.exec(wire.replace(/others: \S+/, 'others'))?.[0] ?? [],
    );
    const isOwn = (label: string) => others.length === 0 || label.startsWith(`:${connection().client.port} `);
    const counts = rows().map(({ wire }) => Number(/(\d+) others:/.exec(wire)?.[1] ?? 0));
    const counted = counts.reduce((sum, count) => sum + count, 0);
    expect(
      labels.filter(isOwn).map((label) =>
        label
          .replace(/^:\d+ /, '')
          .split(' ')[0]
          ?.replace(/[[\]]/g, ''),
      ),
    ).toEqual(own.map(({ wire }) => (wire.kind === 'tcp' ? wire.segment.flags : 'ICMP')));
    expect(labels.filter((label) => !isOwn(label)).length + counted).toBe(foreign.length);
  });

  it('has an arrow’s head at a lifeline for each segment that arrived, and none for those that did not', () => {
    const all = passages(timeline(), connection());
    const isAlone = connectionsOf(timeline()).length === 1;
    const arrived = rows().filter(({ wire }) => wire.startsWith('◀') || wire.endsWith('▶'));
    if (isAlone) expect(arrived).toHaveLength(all.filter(({ fate }) => fate === 'delivered').length);
    const stopped = rows().filter(({ wire }) => wire.includes('✗'));
    for (const { wire } of stopped) expect(wire).toMatch(/^( ?─).* $|^ .*(─ ?)$/);
    if (isAlone) expect(stopped).toHaveLength(all.filter(({ fate }) => fate !== 'delivered').length);
    for (const { host, fate } of all) {
      if (typeof fate === 'string' || !('dropped' in fate) || fate.dropped.hook === 'out') continue;
      const at = `✗ rule ${fate.dropped.rule} `;
      const mirrored = ` rule ${fate.dropped.rule} ✗`;
      const ends = stopped.some(({ wire }) =>
        otherHost(host) === 'server' ? wire.endsWith(at) : wire.startsWith(mirrored),
      );
      expect(ends).toBe(true);
    }
  });
});
