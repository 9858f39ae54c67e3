import { describe, expect, it } from 'vitest';
import { Lab } from '../src/lab/lab.ts';
import { established } from '../src/scenario/opening.ts';
import { stageOf } from '../src/scenario/reach.ts';
import { tcplab } from './cli.ts';

/** The link of a host set down, or deleted, while a connection is held: the most common way to lose a peer. */

describe.concurrent('a hold whose link is lost', () => {
  it.each([
    ['client', 'set down', 'ip link set eth0 down'],
    ['server', 'set down and up again', 'ip link set eth0 down && ip link set eth0 up'],
    ['server', 'deleted', 'ip link delete eth0'],
    ['client', 'set down, and deleted later', 'ip link set eth0 down && sleep 0.5 && ip link delete eth0'],
  ])('goes on when the link of the %s is %s', { timeout: 120_000 }, async (host, _, command) => {
    const script = `${command} && sleep 0.5 && ss -tanH state established`;
    const { status, stdout, stderr } = await tcplab(
      ...['hold', 'established', '--on', host, '--', 'sh', '-c', script],
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('192.168.2.11:80');
  });

  it('sees the packets that pass after the link is up again', async () => {
    await using lab = await Lab.open();
    const { clientSocket } = await established(stageOf(lab));
    await ip(lab, 'link', 'set', 'eth0', 'down');
    await lab.observe();
    await ip(lab, 'link', 'set', 'eth0', 'up');
    await lab.client.send(clientSocket, Buffer.from('after'));
    await lab.waitFor('the segment', async () => {
      await lab.observe();
      return lab.timeline
        .of('captured')
        .some(({ host, wire }) => host === 'server' && wire.kind === 'tcp' && wire.segment.length === 5);
    });
    expect(lab.timeline.of('lost')).toEqual([]);
  });

  it('says once that the capture sees nothing after the interface was deleted', async () => {
    await using lab = await Lab.open();
    await established(stageOf(lab));
    await ip(lab, 'link', 'delete', 'eth0');
    for (let look = 1; look <= 3; look++) await lab.observe();
    const what = 'interface eth0 was deleted: the capture sees no packet after that';
    expect(lab.timeline.of('lost').map(({ host, what }) => ({ host, what }))).toEqual([
      { host: 'client', what },
      { host: 'server', what },
    ]);
  });
});

/** Runs ip(8) in the client. */
async function ip(lab: Lab, ...args: string[]): Promise<void> {
  const child = await lab.client.spawn('ip', args);
  const status = await new Promise((resolve) => child.once('exit', resolve));
  expect(status).toBe(0);
}
