import { describe, expect, it } from 'vitest';
import { tcplabHere } from './cli.ts';

/** What `hold` says will happen; whether it does, test/timers.test.ts finds out. */

const KEEPALIVE = ['SO_KEEPALIVE=1', 'TCP_KEEPIDLE=1', 'TCP_KEEPINTVL=1', 'TCP_KEEPCNT=2'].flatMap(
  (option) => ['--option', `client:${option}`],
);

/** The status that a hold prints, each host's lines joined to one. */
async function forecastsOf(...args: string[]): Promise<{ client: string; server: string }> {
  const { stdout } = await tcplabHere('hold', ...args, '--for', '300ms');
  const text = stdout.replaceAll(/\n {8}/g, ' ');
  const of = (host: string) => new RegExp(`^${host} {2}\\S+:\\d+ .*$`, 'm').exec(text)?.[0] ?? '';
  return { client: of('client'), server: of('server') };
}

describe('a forecast', () => {
  it.each(['established', 'fin-wait-2'])(
    'of keepalive in %s names no end while the peer replies',
    async (scenario) => {
      const { client } = await forecastsOf(scenario, ...KEEPALIVE);
      expect(client).toMatch(/sends a keepalive probe in [\d.]+ m?s no limit while the peer replies/);
      expect(client).not.toMatch(/times out|CLOSED/);
    },
    30_000,
  );

  it('of a deferred request knows that no SYN-ACK is due before the deferral ends', async () => {
    const { server } = await forecastsOf('syn-received-deferred');
    expect(server).toMatch(/retransmits the SYN-ACK in (2\d|3[01]) s, then ESTABLISHED/);
    expect(server).not.toContain('times out');
  }, 30_000);

  it('goes by the TCP_DEFER_ACCEPT that was asked for, and so does the scenario', async () => {
    const { server } = await forecastsOf('syn-received-deferred', '--option', 'server:TCP_DEFER_ACCEPT=5');
    expect(server).toMatch(/retransmits the SYN-ACK in [4-7]\.\d s, then ESTABLISHED/);
  }, 30_000);

  it.each([
    ['syn-received', []],
    ['syn-received', ['--sysctl', 'server:tcp_synack_retries=0']],
    ['syn-received-dropped-at-server', []],
  ])(
    'of %s %j gives no definite end while the client will retransmit its SYN',
    async (scenario, args) => {
      const { server } = await forecastsOf(scenario, ...args);
      expect(server).toMatch(/retransmits the SYN-ACK in [\d.]+ m?s; times out within about/);
      expect(server).toContain('each SYN that the client retransmits');
    },
    30_000,
  );

  it('does not count SYN-ACKs that answered a SYN against tcp_synack_retries', async () => {
    const retries = ['--sysctl', 'server:tcp_synack_retries=2'];
    const { server } = await forecastsOf('syn-received-accept-queue-full', ...retries);
    expect(server).toMatch(
      /retransmits the SYN-ACK in [\d.]+ m?s \(1 left\); times out in about [4-6]\.\d s/,
    );
  }, 30_000);
});
