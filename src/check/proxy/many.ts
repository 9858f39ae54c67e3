import { counted } from '../../evidence/counted.ts';
import { seconds } from '../describe.ts';
import { type Advice, fault, good, risk, unknown } from '../finding.ts';
import { type ProxyProbe, passed } from '../proxy-bench.ts';
import type { End } from './end.ts';

const CLIENTS = 50;

const NOT_ALL: Advice = {
  why: 'Some clients are not served while others are connected: one slow or idle connection blocks the rest.',
  fix: 'Serve connections concurrently. Check limits of connections, threads and descriptors, and the backlog of listen().',
};

const MIXED: Advice = {
  why: 'A client got what was meant for another one. Never use this relay for anything confidential.',
  fix: 'Keep the state of each pair of connections by itself.',
};

const LEAK: Advice = {
  why: 'Each connection leaves a socket behind after both ends have closed, until descriptors run out.',
  fix: 'Close both sockets of a pair when both directions have ended.',
};

/** A client's message: which one it is, so that the answer shows to whom it belongs. */
const messageOf = (number: number) => Buffer.from(`client ${String(number).padStart(3, '0')}\n`);
const LENGTH = messageOf(0).length;

export const many: ProxyProbe = {
  id: 'many',
  by: 'both',
  title: `${CLIENTS} clients at once`,
  purpose:
    'Many connections at a time: each client gets its own answer, and nothing is left when all have closed.',
  restsOnService: true,
  mayWait: true,
  async run(bench) {
    if (bench.way !== 'relay') return unknown('not-tried', 'not done with --connect or --socks yet');
    const startMs = bench.lab.nowMs();
    const clients: End[] = [];
    for (let number = 0; number < CLIENTS; number++) {
      const client = await bench.connect();
      clients.push(client);
    }
    const asked = new Set<End>();
    const answered = new Set<End>();
    const isAnswered = (client: End) => client.received >= LENGTH;
    await bench.until(async () => {
      await bench.look();
      for (const [number, client] of clients.entries())
        if (!asked.has(client) && (await bench.rowAt(client))?.state === 'ESTABLISHED') {
          await client.send(messageOf(number));
          asked.add(client);
        }
      for (const server of bench.accepted) {
        if ((await server.read()) < LENGTH || answered.has(server)) continue;
        await server.send(server.heard.subarray(0, LENGTH));
        answered.add(server);
      }
      for (const client of clients) await client.read();
      return clients.every((client) => isAnswered(client) || client.ended !== 'open');
    });
    const tookMs = bench.lab.nowMs() - startMs;
    const served = clients.filter(isAnswered).length;
    const isMixed = clients.some(
      (client, number) => isAnswered(client) && !client.heard.equals(messageOf(number)),
    );
    const closedMs = bench.lab.nowMs();
    for (const client of clients) await client.close();
    const isLeft = ({ inode }: { inode: number }) => inode !== 0;
    const leftOpen = async () =>
      (await bench.relayRows('relayClientSide')).filter(isLeft).length +
      (await bench.relayRows('relayServerSide')).filter(isLeft).length;
    await bench.until(async () => {
      await bench.look();
      for (const server of bench.accepted) {
        await server.read();
        if (server.ended !== 'open') await server.close();
      }
      return (await leftOpen()) === 0;
    });
    const leaked = await leftOpen();
    const left = await bench.left(closedMs);
    const numbers = { clients: CLIENTS, served, tookMs, leaked };
    const about = (finding: ReturnType<typeof good>, as: 'intact' | 'not intact' | 'lost') =>
      passed(finding, as, null, left);
    if (isMixed)
      return about(fault('mixed', 'a client got the answer to another one', MIXED, numbers), 'not intact');
    if (served < CLIENTS)
      return about(
        fault(
          'not-all-served',
          `${served} of ${CLIENTS} clients got their answer within ${seconds(bench.withinMs)}`,
          NOT_ALL,
          numbers,
        ),
        'lost',
      );
    const says = `all ${CLIENTS} clients got their own answer, in ${seconds(tookMs)}`;
    if (leaked > 0)
      return about(
        risk(
          'sockets-left',
          `${says}; ${counted(leaked, 'socket')} of the relay left ${seconds(bench.withinMs)} after all had closed`,
          LEAK,
          numbers,
        ),
        'intact',
      );
    return about(good('served', `${says}; nothing is left`, numbers), 'intact');
  },
};
