import { describe, expect, it } from 'vitest';
import type { Timeline } from '../src/evidence/timeline.ts';
import { Lab } from '../src/lab/lab.ts';
import { resultOf, type ScenarioResult } from '../src/report/story/result.ts';
import { CATALOGUE, findScenarios } from '../src/scenario/catalogue.ts';
import { runScenario } from '../src/scenario/run.ts';
import type { Scenario } from '../src/scenario/scenario.ts';
import { Turn } from '../src/scenario/turn.ts';
import { addressBytes } from '../src/tcp/endpoint.ts';

describe('with IPv6', () => {
  it.each(CATALOGUE)('nothing of IPv4 passes the wire, and all is shown in IPv6: $id', async (scenario) => {
    const timeline = await runScenario(scenario, { family: 'ipv6', holdMs: 10 });
    const seen = [...timeline.of('captured'), ...timeline.of('dropped')];
    expect(seen.length > 0 || scenario.id === 'bound').toBe(true);
    const versions = seen.map(({ bytes }) => Buffer.from(bytes, 'base64').readUInt8(0) >> 4);
    expect(new Set(versions)).toEqual(new Set([6]));
    const { connection, rules } = resultOf(timeline);
    expect(connection?.client).toMatch(/^\[fd00:2::10\]:\d+$/);
    expect(connection?.server).toBe(scenario.id === 'self-connect' ? connection?.client : '[fd00:2::11]:80');
    expect(rules.filter(({ iptables }) => !iptables.startsWith('ip6tables '))).toEqual([]);
  });

  it.each(CATALOGUE)('each end goes through the same states as with IPv4: $id', async (scenario) => {
    const [four, six] = await Promise.all([states(scenario, 'ipv4'), states(scenario, 'ipv6')]);
    // The ACK of a server that is slow to close leaves before its FIN: then the client is in FIN-WAIT-2 for a moment.
    const mayDiffer = scenario.id === 'time-wait' ? /"FIN-WAIT-2",/g : /$^/g;
    const told = (each: typeof four) => JSON.stringify(each).replaceAll(mayDiffer, '');
    expect(told(six)).toEqual(told(four));
  });

  it('a rule’s ICMP error means the same, and for one of them connect() has another errno', async () => {
    const [scenario] = findScenarios('closed-rejected-icmp') as [Scenario];
    const told = async (family: 'ipv4' | 'ipv6') => {
      const timeline = await runScenario(scenario, { family, holdMs: 10 });
      return { icmp: meanings(timeline), notes: resultOf(timeline).notes.map(withoutTime) };
    };
    const icmp = ['port unreachable', 'host unreachable', 'administratively prohibited'];
    const same = ['port unreachable: ECONNREFUSED', 'host unreachable: EHOSTUNREACH'];
    expect(await told('ipv4')).toEqual({
      icmp,
      notes: [...same, 'administratively prohibited: EHOSTUNREACH'],
    });
    expect(await told('ipv6')).toEqual({ icmp, notes: [...same, 'administratively prohibited: EACCES'] });
  });

  it('what a host sends is held back until it is released', async () => {
    await using lab = await Lab.open({ family: 'ipv6' });
    expect(await lab.client.holdBack()).toBe(true);
    const socket = await lab.client.openSocket();
    await lab.client.bind(socket, lab.nextClientEndpoint());
    await lab.client.connect(socket, lab.serverEndpoint());
    await lab.observe();
    expect(lab.timeline.of('captured')).toEqual([]);
    await lab.client.release();
    await lab.observe();
    const [first] = lab.timeline.of('captured');
    expect(first).toMatchObject({
      host: 'client',
      direction: 'sent',
      wire: { kind: 'tcp', segment: { flags: 'S', source: { address: 'fd00:2::10' } } },
    });
  });

  it('a crafted segment is taken for the connection that it names', async () => {
    await using lab = await Lab.open({ family: 'ipv6' });
    const [source, destination] = [lab.nextClientEndpoint(), lab.serverEndpoint()];
    await lab.client.sendSegment({ source, destination, seq: 7, ack: null, flags: 'S', window: 0 });
    await lab.observe();
    const answer = lab.timeline.of('captured').find(({ direction, host }) => {
      return direction === 'received' && host === 'client';
    });
    expect(answer?.wire).toMatchObject({ segment: { flags: 'R.', ack: 8, source: destination } });
    expect(addressBytes(source.address)).toHaveLength(16);
  });
});

/** Each alone, so that one run is like the other. */
const turn = new Turn();

async function states(scenario: Scenario, family: 'ipv4' | 'ipv6'): Promise<ScenarioResult['transitions']> {
  return resultOf(await runScenario(scenario, { family, holdMs: 10, turn })).transitions;
}

function meanings(timeline: Timeline): string[] {
  return timeline
    .of('captured')
    .filter(({ host, direction }) => host === 'client' && direction === 'received')
    .flatMap(({ wire }) => (wire.kind === 'icmp' ? [wire.error.meaning] : []));
}

function withoutTime(note: string): string {
  return note.replace(/ after .*/, '');
}
