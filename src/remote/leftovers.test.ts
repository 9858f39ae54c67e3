import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isAlive, ownName } from '../kernel/process.ts';
import { isInEffect, isSameRule } from '../lab/undo.ts';
import { leftRules, takeBackAll } from './leftovers.ts';

const { numberedIn } = ownName();
/** No process has ever had that start time. */
const GONE = `tcplab_1_1_${numberedIn}`;
const matches = '-A INPUT -s 10.77.0.1/32 -p tcp -m tcp --dport 80';
const logs = (group: number, prefix: number | string) =>
  `${matches} -j NFLOG --nflog-prefix ${prefix} --nflog-group ${group} --nflog-threshold 1`;
const decides = (name: string, number: number) =>
  `${matches} -m comment --comment "${name} ${number}" -j DROP`;

describe('of the rules of iptables', () => {
  it('those are left that an agent set which is gone, with the one that tells of their packets', () => {
    const rules = [logs(4711, 3), decides(`${GONE}_1`, 3)];
    expect(leftRules(rules)).toEqual(rules.map((rule) => rule.slice('-A '.length)));
  });

  it('those of an agent that lives are not', () => {
    const { pid, startTime } = ownName();
    expect(leftRules([logs(4711, 3), decides(`tcplab_${pid}_${startTime}_${numberedIn}_1`, 3)])).toEqual([]);
  });

  it.each([
    ['another group', logs(5, 3)],
    ['another prefix', logs(4711, 'theirs')],
    ['other matches', logs(4711, 3).replace('--dport 80', '--dport 22')],
  ])('one that tells of packets in front of it is somebody else’s: %s', (_title, theirs) => {
    expect(leftRules([theirs, decides(`${GONE}_1`, 3)])).toEqual([decides(`${GONE}_1`, 3).slice(3)]);
  });

  it('one is known again by all of its group and prefix', () => {
    const set = 'INPUT -p tcp --dport 80 -j NFLOG --nflog-group 400 --nflog-threshold 1 --nflog-prefix 1';
    expect(isSameRule(set, logs(400, 1))).toBe(true);
    expect(isSameRule(set, logs(4001, 1))).toBe(false);
    expect(isSameRule(set, logs(400, 12))).toBe(false);
  });
});

describe('whether something is to be taken back', () => {
  it('can’t be denied by who could not look', () => {
    // A name that no file has: what can't be read is no proof that all is well.
    expect(isInEffect({ what: 'sysctl', name: 'net.ipv4.tcplab_none', value: '1' })).toBe(true);
  });

  it('is nothing where the journal is gone', () => {
    expect(takeBackAll('/proc/none/tcplab_1_2_3.ndjson')).toEqual([]);
  });

  it('is what can’t be put back, and then the journal stays', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tcplab-test-'));
    const path = join(folder, `${GONE}.ndjson`);
    writeFileSync(path, '{"what":"sysctl","name":"net.ipv4.tcplab_none","value":"1"}\n');
    expect(takeBackAll(path)).toEqual([expect.stringMatching(/^sysctl -w net\.ipv4\.tcplab_none='1': /)]);
    writeFileSync(path, '{"what":"sys');
    expect(takeBackAll(path)).toEqual([]);
    rmSync(folder, { recursive: true, force: true });
  });
});

describe('whether an agent lives', () => {
  it('is told by its number and its start', () => {
    expect(isAlive(ownName())).toBe(true);
    expect(isAlive({ ...ownName(), startTime: '1' })).toBe(false);
  });

  it('is not denied of one whose number is of another PID namespace', async () => {
    const name = `const { ownName } = await import('${import.meta.dirname}/../../build/kernel/process.js');`;
    const script = `${name} console.log(JSON.stringify(ownName())); process.stdin.resume()`;
    const child = spawn(
      'unshare',
      [
        '--pid',
        '--fork',
        '--kill-child',
        '--mount-proc',
        process.execPath,
        '--input-type=module',
        '-e',
        script,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    const [said] = await once(child.stdout.setEncoding('utf8'), 'data');
    const other = JSON.parse(said) as ReturnType<typeof ownName>;
    expect(other.numberedIn).not.toBe(numberedIn);
    expect(isAlive(other)).toBe(true);
    child.stdin.end();
    await once(child, 'exit');
    // Where this is the machine's first, all others are seen.
    if (numberedIn === String(0xeffffffc)) expect(isAlive(other)).toBe(false);
  });

  it('is denied of one that waits to be reaped', async () => {
    // It ends when it is told to: before the shell has become sleep, the shell would reap it. A shell gives what it does not
    // wait for /dev/null as descriptor 0, before it looks at redirections.
    const waits = 'exec 3<&0; sh -c "read line" <&3 & echo $!; exec sleep 100';
    const child = spawn('sh', ['-c', waits], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [said] = await once(child.stdout.setEncoding('utf8'), 'data');
    const { processStartTime } = await import('../kernel/process.ts');
    const pid = Number(said);
    const startTime = processStartTime(pid) ?? '';
    const isSleep = () => readFileSync(`/proc/${child.pid}/comm`, 'utf8') === 'sleep\n';
    while (!isSleep()) await new Promise((resolve) => setTimeout(resolve, 2));
    child.stdin.end();
    while (isAlive({ pid, startTime, numberedIn })) await new Promise((resolve) => setTimeout(resolve, 2));
    expect(processStartTime(pid)).toBe(startTime);
    child.kill('SIGKILL');
  });
});
