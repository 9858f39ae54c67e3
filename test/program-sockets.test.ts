import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RunReport } from '../src/report/story/run-report.ts';
import { needRoot, REPOSITORY, tcplab } from './cli.ts';

/** What people's programs do to their sockets. */

const STEPS = `python3 ${join(REPOSITORY, 'test/programs/steps.py')}`;

async function ladder(scenario: string, ...args: string[]): Promise<string> {
  const { stdout } = await tcplab('run', scenario, '--port', '8080', '--hold', '2s', '--ladder', ...args);
  return stdout;
}

async function pathsOf(scenario: string, ...args: string[]) {
  const { stdout } = await tcplab('run', scenario, '--port', '8080', '--hold', '2s', '--json', ...args);
  return (JSON.parse(stdout) as RunReport).results[0]?.transitions;
}

describe.concurrent('a program', () => {
  beforeEach((context) => needRoot(context, 'calls of programs need root'));

  it.each(['close', 'stop'])(
    'whose listener is gone (%s) has none after the RST for a SYN',
    async (how) => {
      const server = `${STEPS} listen:8080 sleep:1.2 ${how} sleep:60`;
      const args = ['--server', server, '--hold', '4s'];
      expect((await pathsOf('syn-received', ...args))?.server).toEqual(['LISTEN', 'SYN-RECEIVED', 'CLOSED']);
      const drawn = await ladder('syn-received', ...args);
      expect(drawn).toMatch(/its listener closed ┊ CLOSED$/m);
      expect(drawn).not.toContain('CLOSED ?');
    },
    60_000,
  );

  it('that has closed one of two listeners still listens', async () => {
    const server = `${STEPS} listen:8080 listen:8080 sleep:1 close sleep:60`;
    const drawn = await ladder('listen', '--server', server);
    expect(drawn).toContain('close()');
    expect(drawn).toMatch(/^proven +listen/m);
    expect(drawn).not.toMatch(/[┊┃│] CLOSED/);
  }, 60_000);

  it('that connects from the ports of a TIME-WAIT ends that, in the ladder and in JSON', async () => {
    const server = `${STEPS} listen:8080 accept read close accept sleep:60`;
    const client = `${STEPS} bind:40000 connect:{server}:8080 sleep:1 close sleep:1 bind:40000 connect:{server}:8080 sleep:60`;
    const args = ['--client-port', '40000', '--server', server, '--client', client];
    expect((await pathsOf('time-wait', ...args))?.client.slice(-4)).toEqual([
      'TIME-WAIT',
      'CLOSED',
      'SYN-SENT',
      'ESTABLISHED',
    ]);
    const drawn = await ladder('time-wait', ...args);
    expect(drawn).toMatch(/ CLOSED ┊ connect\(\) reuses it.*\n +SYN-SENT ├─ \[S\]/);
  }, 60_000);

  it('that binds a port of its own learns what to do', async () => {
    const client = `${STEPS} bind:40000 connect:{server}:8080 sleep:60`;
    const said = await ladder('established', '--client', client);
    expect(said.replaceAll(/\s+/g, ' ')).toContain(
      'bound port 40000, but tcplab expects 33000: --client-port 40000',
    );
    expect(await ladder('established', '--client', client, '--client-port', '40000')).toMatch(/^proven/m);
  }, 60_000);

  it.each([
    ['exits with unread data', 'exit'],
    ['calls connect() with AF_UNSPEC', 'dissolve'],
  ])(
    'that %s aborts its connection',
    async (_, how) => {
      const server = `${STEPS} listen:8080 accept send:1000 sleep:60`;
      const client = `${STEPS} connect:{server}:8080 sleep:1 ${how} sleep:60`;
      const drawn = await ladder('established', '--server', server, '--client', client);
      expect(drawn).toMatch(/ CLOSED ├─ \[R\.\] RST/);
      expect(drawn).not.toContain('CLOSED ?');
    },
    60_000,
  );
});
