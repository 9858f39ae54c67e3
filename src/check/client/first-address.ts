import { counted } from '../../evidence/counted.ts';
import { addAddress, setNeighbour } from '../../kernel/rtnetlink.ts';
import { INTERFACE, LINK_ADDRESSES, SECOND_ADDRESS } from '../../lab/addresses.ts';
import type { Fate } from '../../lab/fate.ts';
import { isEnterable } from '../../lab/host.ts';
import { Names } from '../../lab/names.ts';
import { type ClientBench, healthy, STATUS_ADVICE } from '../client-bench.ts';
import { attemptsIn } from '../client-wire.ts';
import { seconds } from '../describe.ts';
import { type Advice, fault, good, risk, unknown } from '../finding.ts';
import type { Probe } from '../probe.ts';

/** Reserved for tests (RFC 6761). */
const NAME = 'tcplab.test';

const ADVICE: Advice = {
  why: 'One of several addresses fails, and with it the program, although the others work.',
  fix: 'Try the addresses one after the other, each with a connect timeout, or side by side (Happy Eyeballs, RFC 8305).',
};

/** A name has two addresses. The first one fails in some way, the second one has a healthy server. */
function firstAddress(id: string, title: string, purpose: string, fate?: Fate): Probe<ClientBench> {
  return {
    id,
    title,
    purpose,
    restsOnService: true,
    async run(bench) {
      const { command, family } = bench.options;
      const hasName = (typeof command === 'string' ? command : command.join(' ')).includes('{name}');
      if (!hasName)
        return unknown('no-name', 'the command has no {name} to connect to, as in http://{name}:{port}/');
      const second = SECOND_ADDRESS[family];
      const { client, server, serverPort } = bench.lab;
      if (bench.options.lab?.hosts || !isEnterable(client) || !isEnterable(server))
        return unknown(
          'not-here',
          "the hosts are not the lab's own: names and addresses can't be added there",
        );
      server.within(() => addAddress(INTERFACE, second));
      const { address } = second;
      client.within(() => setNeighbour(INTERFACE, { address, linkAddress: LINK_ADDRESSES.server }));
      await using names = await Names.serve(bench.lab, { [NAME]: [server.address, address] });
      if (fate)
        await client.setRule({ hook: 'out', peer: server.address, destinationPort: serverPort, fate });
      let isServed = false;
      let servedMs = Number.POSITIVE_INFINITY;
      bench.serve(async (call, reply) => {
        await healthy(call, reply);
        isServed = true;
        servedMs = Math.min(servedMs, bench.lab.nowMs());
      });
      await bench.listen({ address });
      const named = (text: string) => text.replaceAll('{name}', NAME);
      await bench.start(names.around(typeof command === 'string' ? named(command) : command.map(named)));
      await bench.until(async () => {
        await bench.step();
        return isServed || bench.program.status !== undefined;
      });
      const reaction = isServed ? await bench.reaction() : undefined;
      const attempts = attemptsIn(bench.sent());
      const toFirst = attempts.filter((attempt) => attempt.address === server.address);
      const { status } = bench.program;
      const numbers = { attempts: attempts.length, toFirst: toFirst.length, status: status ?? null };
      const tried = `${counted(attempts.length, 'attempt')}, ${toFirst.length} to the first address`;
      const [first] = toFirst;
      if (!first)
        return unknown('not-tried', `the program did not try the first address (${tried})`, numbers);
      if (isServed) {
        const next = attempts.find((attempt) => attempt.address === address && attempt.atMs > first.atMs);
        const tookMs = (next ?? first).atMs - first.atMs;
        const says = `tried the second address ${seconds(tookMs)} after the first, and was served (${tried})`;
        if (reaction?.what === 'ended' && reaction.status !== 0)
          return unknown('not-understood', `${says}; exited with status ${reaction.status}`, numbers);
        // Another part of the program may have been served.
        const isStillTried = status === undefined && toFirst.some(({ atMs }) => atMs > servedMs);
        if (isStillTried) return unknown('goes-on', `${says}; attempts to the first address go on`, numbers);
        return good('second-address', says, { ...numbers, tookMs });
      }
      if (status !== undefined) {
        const says = `exited with status ${status} after ${seconds((bench.exitMs ?? bench.lab.nowMs()) - first.atMs)} (${tried})`;
        if (status === 0)
          return fault('reported-success', `${says}, which reports success`, STATUS_ADVICE, numbers);
        return risk('gave-up', `${says}, although the second address has a healthy server`, ADVICE, numbers);
      }
      const says = `not served by the second address after ${seconds(bench.withinMs)} (${tried})`;
      return bench.stillWaiting(says, ADVICE, numbers);
    },
  };
}

export const firstAddressDead: Probe<ClientBench> = firstAddress(
  'first-address-dead',
  'a name has two addresses, and the first one is dead',
  'One of several servers is down, or its data center is cut off: it sends no reply. The client should try the next address soon.',
  'drop',
);

export const firstAddressRefuses: Probe<ClientBench> = firstAddress(
  'first-address-refuses',
  'a name has two addresses, and the first one refuses',
  'One of several servers is being restarted: its host replies with RST. The client should try the next address at once.',
);

export const firstAddressUnreachable: Probe<ClientBench> = firstAddress(
  'first-address-unreachable',
  "a name has two addresses; the first one can't be reached",
  'There is no route to one of several servers, as with IPv6 where only the name server has it. The client should try the next address at once.',
  'reject with host unreachable',
);
