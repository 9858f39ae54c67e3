import { seconds } from '../describe.ts';
import { type Advice, fault, good, risk } from '../finding.ts';
import { type ProxyProbe, passed } from '../proxy-bench.ts';

const IDLE_MS = 3000;
const MESSAGE = Buffer.from('still there\n');

const ADVICE: Advice = {
  why: 'Nothing is sent on an idle connection, so a NAT or firewall in between forgets it, and neither side of the relay notices a peer that has vanished.',
  fix: 'Set SO_KEEPALIVE, with TCP_KEEPIDLE of a minute or a few, on both sides. The keepalive of an end does not get through a relay: each connection needs its own.',
};

const CUT: Advice = {
  why: 'Connections that wait for their next message are cut: each such message fails or has to be repeated.',
  fix: 'Make the idle timeout of the relay longer than the pauses of its clients.',
};

export const idle: ProxyProbe = {
  id: 'idle',
  by: 'both',
  title: 'nothing is sent for three seconds',
  purpose:
    'A connection in a pool. It must stay, and keepalive on both sides keeps boxes in between from forgetting it.',
  restsOnService: true,
  async run(bench) {
    const { client, server } = await bench.through();
    for (const { lab, name, socket } of [client, server])
      for (const option of ['SO_KEEPALIVE', 'TCP_KEEPIDLE', 'TCP_KEEPINTVL'] as const)
        await lab.host(name).setOption(socket, option, 1);
    const startMs = bench.lab.nowMs();
    const left = await bench.left(startMs);
    await bench.pauseUntil(startMs + IDLE_MS);
    const keepalive = async (end: typeof client) =>
      Number((await bench.relayRow(end))?.timer === 'keepalive');
    const numbers = {
      keepaliveClientSide: await keepalive(client),
      keepaliveServerSide: await keepalive(server),
    };
    const [before, beforeServer] = [client.received, server.received];
    await server.send(MESSAGE);
    await client.send(MESSAGE);
    await bench.until(async () => {
      await bench.look();
      const [one, other] = [await client.read(), await server.read()];
      return one >= before + MESSAGE.length && other >= beforeServer + MESSAGE.length;
    });
    const ended = [client, server].find((end) => end.ended !== 'open');
    if (ended)
      return passed(
        risk(
          'cut',
          `the relay ended the ${ended.name}'s connection by ${ended.ended} within ${seconds(IDLE_MS)}`,
          CUT,
          numbers,
        ),
        'lost',
        null,
        left,
      );
    if (client.received < before + MESSAGE.length || server.received < beforeServer + MESSAGE.length)
      return passed(
        fault(
          'lost',
          `after ${seconds(IDLE_MS)} a message did not arrive within ${seconds(bench.withinMs)}`,
          CUT,
          numbers,
        ),
        'lost',
        null,
        left,
      );
    const without = [
      ...(numbers.keepaliveClientSide ? [] : ['client']),
      ...(numbers.keepaliveServerSide ? [] : ['server']),
    ];
    const says = `it is still there after ${seconds(IDLE_MS)}`;
    if (without.length === 0)
      return passed(good('keepalive', `${says}; keepalive on both sides`, numbers), 'intact', null, left);
    const where = without.length === 2 ? 'either side' : `the ${without[0]}'s side`;
    return passed(
      risk('no-keepalive', `${says}; no keepalive timer on ${where}`, ADVICE, numbers),
      'intact',
      null,
      left,
    );
  },
};
