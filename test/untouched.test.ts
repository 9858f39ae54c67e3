import { execFileSync, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { eventually, IS_ROOT, needRoot, Program, run, TCPLAB, tcplab } from './cli.ts';

/**
 * The machine's own network is the same before and after, whatever ends tcplab. Other tests run beside these: all that
 * is compared is of the home namespace, which none of them may change, or is known to be ours by a mark.
 */

// Every program started here carries it in its environment, and so do its children.
const MARK = `TCPLAB_TEST_MARK=${process.pid}-${performance.timeOrigin}`;
const [markName = '', markValue = ''] = MARK.split('=');

function start(...args: string[]): Program {
  return new Program([...TCPLAB, ...args], { [markName]: markValue });
}

describe('as root', () => {
  let before: Snapshot;
  beforeAll(() => {
    if (IS_ROOT) before = snapshot();
  });

  it('a run leaves the machine as it was', async (context) => {
    needRoot(context, 'all of the machine can only be seen by root');
    const program = start('run');
    expect((await program.ended).status).toBe(0);
    await expectUntouched(before);
    expect(instancesOf([program.pid])).toEqual([]);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s in mid-run leaves the machine as it was', async (signal, status) => {
    await interrupted(context(), signal, status);
  });

  it('SIGKILL at 50 random moments leaves nothing but trace instances, and the next start removes those', async (context) => {
    needRoot(context, 'trace instances are only root’s');
    const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32));
    const random = randomFrom(seed);
    const pids: number[] = [];
    let killedInTime = 0;
    // As many at a time as later, so that the moments are spread over all of a run as long as it takes then.
    const spanMs = Math.max(700, await durationOf(3));
    console.log(`SIGKILL at random moments of ${spanMs.toFixed(0)} ms: SEED=${seed}`);
    const worker = async () => {
      while (pids.length < 50) {
        const program = start('run');
        pids.push(program.pid);
        await Promise.race([program.ended, pause(random() * spanMs)]);
        program.kill('SIGKILL');
        if ((await program.ended).status === 137) killedInTime++;
      }
    };
    await Promise.all([worker(), worker(), worker()]);
    expect(killedInTime).toBeGreaterThan(25);
    await expectUntouched(before);
    expect((await tcplab('run', 'listen')).status).toBe(0);
    expect(instancesOf(pids)).toEqual([]);
  });

  it('SIGKILL leaves a trace instance, which the next start removes', async (context) => {
    needRoot(context, 'trace instances are only root’s');
    // Another tcplab that starts just then takes it away before it was seen here: then once more.
    const left = await eventually('a trace instance that is left', async () => {
      const program = start('hold', 'established');
      await program.until(/ESTABLISHED/);
      expect(instancesOf([program.pid])).toHaveLength(1);
      program.kill('SIGKILL');
      await program.ended;
      return instancesOf([program.pid]).length > 0 ? [program.pid] : undefined;
    });
    expect((await tcplab('run', 'listen')).status).toBe(0);
    expect(instancesOf(left)).toEqual([]);
  });

  it('no packet of a lab is seen on the machine’s own interfaces', async (context) => {
    needRoot(context, 'packets of all interfaces are shown to root only');
    if (isInUse('192.168.2.')) context.skip('this machine itself is in 192.168.2.0/24');
    // Broadcasts and the like included; and a packet of ours, at last, that shows that it was looked for.
    const lab = 'net 192.168.2.0/24 or net fd00:2::/64 or ether host 02:00:00:00:02:10 or ether host 02:00:00:00:02:11';
    const tcpdump = new Program(['tcpdump', '-n', '-l', '-i', 'any', `${lab} or (udp and dst host 127.9.9.9)`]);
    await tcpdump.until(/listening on/, 'stderr');
    const runs = await Promise.all([tcplab('run'), tcplab('run', '--ipv6')]);
    expect(runs.map(({ status }) => status)).toEqual([0, 0]);
    await sendTo('127.9.9.9');
    await tcpdump.until(/127\.9\.9\.9/);
    tcpdump.kill('SIGINT');
    const { stdout } = await tcpdump.ended;
    expect(stdout.split('\n').filter((line) => line && !line.includes('127.9.9.9'))).toEqual([]);
  });

  async function interrupted(context: TestContext, signal: NodeJS.Signals, status: number): Promise<void> {
    needRoot(context, 'all of the machine can only be seen by root');
    const program = start('run', '--hold', '1h');
    await eventually('labs', () => namespacesOf(program.pid).length > 2);
    program.kill(signal);
    expect((await program.ended).status).toBe(status);
    expect(instancesOf([program.pid])).toEqual([]);
    await expectUntouched(before);
  }
});
