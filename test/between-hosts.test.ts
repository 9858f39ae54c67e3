import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ScenarioResult } from '../src/report/story/result.ts';
import { Program, resultsIn, tcplabHere } from './cli.ts';
import { inside } from './two-machines.ts';

/** tcplab tells what a router between the hosts does apart from what the hosts do: it proves nothing of theirs. */

let client: Program;
let router: Program;
let server: Program;

beforeAll(async () => {
  const keep = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && echo ready && exec sleep 100000'];
  [client, router, server] = [new Program(keep), new Program(keep), new Program(keep)];
  await Promise.all([client, router, server].map((machine) => machine.until(/ready/)));
  for (const [index, machine] of [client, server].entries()) {
    const net = `10.78.${index}`;
    inside(machine, `ip link add eth0 type veth peer name lan${index} netns ${router.pid}`);
    inside(machine, `ip address add ${net}.1/24 dev eth0 && ip link set eth0 up`);
    inside(router, `ip address add ${net}.2/24 dev lan${index} && ip link set lan${index} up`);
    inside(machine, `ip route add default via ${net}.2`);
  }
  inside(router, 'sysctl -qw net.ipv4.ip_forward=1');
});

afterAll(() => {
  for (const machine of [client, router, server]) machine.kill('SIGKILL');
});

beforeEach(() => {
  inside(router, 'nft flush ruleset');
});

/** Runs a scenario through the router, from a port that its rule can name. */
async function through(rule: string | null, ...args: string[]): Promise<ScenarioResult> {
  if (rule !== null)
    inside(
      router,
      `nft 'add table ip x; add chain ip x f { type filter hook forward priority 0; }; add rule ip x f ${rule}'`,
    );
  const places = ['--client', `pid:${client.pid}`, '--server', `pid:${server.pid}`, '--client-port', '5555'];
  const [result] = resultsIn(await tcplabHere('run', '--json', ...places, ...args));
  if (!result) throw new Error(`no result of ${args.join(' ')}`);
  return result;
}

const ARRIVES = 'tcp sport 5555-5560 tcp flags & syn == syn';

describe('a router', () => {
  it.each(['fin-wait-1', 'closed-refused', 'closed-rejected-rst'])(
    'that only forwards leaves %s proven',
    async (scenario) => {
      expect(await through(null, scenario)).toMatchObject({ verdict: 'proven' });
    },
  );

  it.each([
    ['fin-wait-1', 'tcp sport 5555 tcp flags & fin == fin drop', /rule 1 of the server .* matched no packet/],
    ['syn-sent', `${ARRIVES} drop`, /rule 1 of the server .* matched no packet/],
    [
      'syn-received',
      'tcp dport 5555 tcp flags & syn == syn drop',
      /rule 1 of the client .* matched no packet/,
    ],
    ['closed-rejected-rst', `${ARRIVES} reject with tcp reset`, /rule 1 of the server .* matched no packet/],
    ['closed-rejected-icmp', `${ARRIVES} reject with icmp type port-unreachable`, /matched no packet/],
    ['closed-refused', `${ARRIVES} reject with tcp reset`, /the RST did not come from the server/],
  ])('that does the work of %s leaves it unproven', async (scenario, rule, why) => {
    const { verdict, because } = await through(rule, scenario);
    expect(verdict).not.toBe('proven');
    expect(because).toMatch(why);
  });

  it('that answers for the server is not taken for it', async () => {
    const { segments } = await through(`${ARRIVES} reject with tcp reset`, 'closed-refused');
    expect(segments.map(({ host, flags, fate, outside }) => [host, flags, fate, outside])).toEqual([
      ['client', 'S', 'lost', undefined],
      ['server', 'R.', 'delivered', true],
    ]);
  });

  it('that says why it drops is named by its address', async () => {
    const rule = 'tcp sport 5555 tcp flags & fin == fin reject with icmp type admin-prohibited';
    const { segments } = await through(rule, 'fin-wait-1');
    const error = segments.find(({ icmp }) => icmp !== null);
    expect(error).toMatchObject({
      host: 'server',
      icmp: expect.stringContaining('prohibited'),
      outside: true,
    });
  });
});
