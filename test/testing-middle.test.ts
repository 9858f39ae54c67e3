import { describe, expect, it } from 'vitest';
import { createLab, type TestLabOptions } from '../src/testing/index.ts';
import '../src/testing/vitest.ts';
import { temporaryFolder } from './cli.ts';

const keep = temporaryFolder();
const open = (options: TestLabOptions = {}) => createLab({ keep, middle: true, ...options });

describe.each([false, true])('a host in the middle, ipv6: %s', (ipv6) => {
  it('forwards, and has an entry of each connection until it forgets it', async () => {
    await using lab = await open({ ipv6 });
    const connection = await lab.connected();
    await connection.client.send('hello');
    expect(String(await connection.server.receive())).toBe('hello');
    expect(await lab.middle.entry(connection)).toMatchObject({ state: 'ESTABLISHED', assured: true });
    await lab.middle.forget(connection);
    expect(await lab.middle.entry(connection)).toBeNull();
    expect(await lab.middle.dropped(connection)).toBe(0);
    await connection.client.send('are you there?');
    await expect.poll(() => lab.middle.dropped(connection), { timeout: 10_000 }).toBeGreaterThan(0);
    await expect(connection).toBeInState('ESTABLISHED', { on: 'client' });
    await expect(lab.middle.forget(connection)).rejects.toThrow('has no entry of this connection');
  });

  it('resets the end that sends, and only that', async () => {
    await using lab = await open({ ipv6, middle: { forgotten: 'reset' } });
    const pooled = await lab.connected();
    await lab.middle.forget(pooled);
    await pooled.client.send('a request');
    await expect(pooled).toBeInState('CLOSED', { on: 'client' });
    await expect(pooled).toBeInState('ESTABLISHED', { on: 'server' });
    const next = await lab.connected();
    await next.client.send('a request');
    expect(String(await next.server.receive())).toBe('a request');
  });

  it('lets a forgotten connection pass if asked to', async () => {
    await using lab = await open({ ipv6, middle: { forgotten: 'pass' } });
    const connection = await lab.connected();
    await lab.middle.forget(connection);
    await connection.client.send('hello');
    expect(String(await connection.server.receive())).toBe('hello');
    expect(await lab.middle.dropped(connection)).toBe(0);
    expect(await lab.middle.entry(connection)).toMatchObject({ state: 'ESTABLISHED' });
  });
});

describe('a host in the middle that forgets on its own', () => {
  it('forgets an idle connection, and a half-closed one, in their times', async () => {
    await using lab = await open({ middle: { idleSeconds: 3, halfClosedSeconds: 2 } });
    const [idle, halfClosed] = [await lab.connected(), await lab.connected()];
    for (const connection of [idle, halfClosed]) expect(await lab.middle.entry(connection)).not.toBeNull();
    await halfClosed.client.shutdown();
    for (const connection of [halfClosed, idle])
      await expect.poll(() => lab.middle.entry(connection), { timeout: 10_000 }).toBeNull();
    const states = lab.timeline
      .of('box-entry')
      .filter(({ from }) => from.port === halfClosed.client.local.port)
      .map(({ entry }) => entry?.state ?? null);
    expect(states.slice(-2)).toEqual(['CLOSE_WAIT', null]);
  });

  it('is refused where it can’t be, or is not there', async () => {
    await using lab = await createLab({ keep });
    expect(() => lab.middle).toThrow('this lab has no host in the middle');
    await expect(open({ places: { client: 'local', server: 'netns:a' } })).rejects.toThrow(
      "can't have a host in the middle of remote hosts",
    );
    await expect(open({ middle: { idleSeconds: 0 } })).rejects.toThrow(/middle\.idleSeconds: expected/);
    await expect(open({ middle: 'yes' as unknown as boolean })).rejects.toThrow(/middle: expected/);
  });
});
