import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { allLiving, eventually, needRoot, Program, run, TCPLAB } from './cli.ts';
import { PidNamespace } from './pid-namespace.ts';

/** What kernel events leave on the machine when a signal ends tcplab. Other tcplabs may run on it at the same time. */

const SIGNALS = ['SIGKILL', 'SIGQUIT', 'SIGABRT', 'SIGTERM'] as const;
const RUN = [...TCPLAB, 'run', 'fin-wait-1', 'closing', '--hold', '1ms', '--repeat', '2'];

describe('a signal that ends tcplab', { timeout: 600_000 }, () => {
  it('leaves no program and no map of BPF, at 100 moments of a run', async (context) => {
    needRoot(context, 'kernel events');
    if (bpftool('prog') === undefined) context.skip('bpftool is not on this machine');
    const environment = { TCPLAB_KERNEL_EVENTS: 'bpf' };
    // While it runs, it has some: else there would be nothing to see here.
    const holding = new Program([...TCPLAB, 'hold', 'established'], environment);
    await holding.until(/ESTABLISHED/);
    const during = [...heldIn(holding.pid)];
    expect(during.filter((id) => id.startsWith('prog ')).length).toBeGreaterThan(5);
    expect(during.filter((id) => id.startsWith('map ')).length).toBeGreaterThan(3);
    expect(listed()).toEqual(expect.arrayContaining(during));
    holding.kill('SIGKILL');
    await holding.ended;
    await eventually('the end of what it had', () => !during.some((id) => listed().includes(id)));

    const ended = await endedAtMoments(100, environment);
    for (const signal of SIGNALS) {
      expect(ended.filter((one) => one === signal).length).toBeGreaterThan(15);
    }
    await eventually('the end of all that was started', () => allLiving().length === 0);
    await eventually('the end of programs and maps', () => ownerless().length === 0);
  });

  it('leaves no trace instance, at 40 moments of a run', async (context) => {
    needRoot(context, 'kernel events by tracefs');
    await using space = await PidNamespace.open();
    const environment = { TCPLAB_KERNEL_EVENTS: 'tracefs' };
    const holding = new Program([...space.enter, ...TCPLAB, 'hold', 'established'], environment);
    await holding.until(/ESTABLISHED/);
    expect(instancesIn(space)).toHaveLength(1);
    for (const pid of holding.offspring()) if (isTcplab(pid)) process.kill(pid, 'SIGKILL');
    await holding.ended;
    await eventually('the work of its guard', () => instancesIn(space).length === 0);

    const ended = await endedAtMoments(40, environment, space.enter);
    for (const signal of SIGNALS) expect(ended.filter((one) => one === signal).length).toBeGreaterThan(5);
    await eventually('the end of all guards', () => allLiving().length === 0);
    expect(instancesIn(space)).toEqual([]);
  });

  it('leaves a trace instance if it ends the guard too, for the next start in that PID namespace', async (context) => {
    needRoot(context, 'kernel events by tracefs');
    await using space = await PidNamespace.open();
    const environment = { TCPLAB_KERNEL_EVENTS: 'tracefs' };
    const holding = new Program([...space.enter, ...TCPLAB, 'hold', 'established'], environment);
    await holding.until(/ESTABLISHED/);
    // The guards first: one that still lives when tcplab is gone does its work.
    const [tcplabs, guards] = [true, false].map((is) =>
      holding.offspring().filter((pid) => isTcplab(pid) === is),
    );
    for (const pid of [...(guards ?? []), ...(tcplabs ?? [])]) process.kill(pid, 'SIGKILL');
    await holding.ended;
    await eventually('the end of all', () => allLiving().length === 0);
    const left = instancesIn(space);
    expect(left).toHaveLength(1);

    const runOne = [...TCPLAB, 'run', 'listen'];
    expect((await run(runOne, environment)).status).toBe(0);
    expect(instancesIn(space)).toEqual(left);
    expect((await run([...space.enter, ...runOne], environment)).status).toBe(0);
    expect(instancesIn(space)).toEqual([]);
  });
});

/** The trace instances of processes of a PID namespace. */
function instancesIn({ number }: PidNamespace): string[] {
  const list = 'mount -t tracefs tracefs /mnt && ls /mnt/instances';
  const { stdout, stderr, status } = spawnSync('unshare', ['--mount', 'sh', '-c', list], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`no tracefs: ${stderr}`);
  return stdout.split('\n').filter((name) => name.startsWith(`tcplab-${number}-`));
}

/**
 * Runs tcplab so many times and ends each with the next signal, at moments that are spread over a run: by how often it has
 * read something. Gives how each ended: by the signal, or else by itself.
 */
async function endedAtMoments(
  count: number,
  environment: NodeJS.ProcessEnv,
  enter: readonly string[] = [],
): Promise<string[]> {
  let most = 0;
  const whole = new Program([...enter, ...RUN], environment);
  await reads(whole, (so) => {
    most = so;
    return false;
  });
  expect(await whole.ended).toMatchObject({ status: 0, stderr: '' });
  const ended: string[] = [];
  const lane = async (first: number) => {
    for (let moment = first; moment < count; moment += 2) {
      const signal = SIGNALS[Math.floor(moment / 2) % SIGNALS.length] ?? 'SIGKILL';
      const program = new Program([...enter, ...RUN], environment);
      const pid = await reads(program, (so) => so >= (most * moment) / count);
      if (pid !== undefined) process.kill(pid, signal);
      const { status } = await program.ended;
      ended.push(status === 128 + constants.signals[signal] ? signal : `status ${status}`);
    }
  };
  await Promise.all([lane(0), lane(1)]);
  return ended;
}

/** Waits until tcplab has read often enough, and gives its number; undefined when it has ended before. */
async function reads(program: Program, enough: (so: number) => boolean): Promise<number | undefined> {
  let isOver = false;
  void program.ended.then(() => {
    isOver = true;
  });
  for (; !isOver; await pause(1)) {
    const pid = [program.pid, ...childrenOf(program.pid)].find(isTcplab);
    const so = pid === undefined ? undefined : /^syscr: (\d+)/m.exec(textOf(`/proc/${pid}/io`))?.[1];
    if (so !== undefined && enough(Number(so))) return pid;
  }
  return undefined;
}

function isTcplab(pid: number): boolean {
  const [program = '', main] = textOf(`/proc/${pid}/cmdline`).split('\0');
  return program === TCPLAB[0] && main === TCPLAB[1];
}

function childrenOf(pid: number): number[] {
  return textOf(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

/** What the machine has under tcplab's names: `prog 12`, `map 34`. */
function listed(): string[] {
  return ['prog', 'map'].flatMap((kind) => bpftool(kind) ?? []);
}

function bpftool(kind: string): string[] | undefined {
  const { status, stdout } = spawnSync('bpftool', ['--json', kind, 'list'], { encoding: 'utf8' });
  if (status !== 0) return undefined;
  const all = JSON.parse(stdout) as { id: number; name?: string }[];
  return all.filter(({ name }) => name?.startsWith('tcplab_')).map(({ id }) => `${kind} ${id}`);
}

/** Those that no living process has: other tcplabs may run. */
function ownerless(): string[] {
  const found = listed();
  if (found.length === 0) return [];
  const held = new Set(readdirSync('/proc').flatMap((pid) => [...heldIn(pid)]));
  return found.filter((id) => !held.has(id));
}

/** The programs and maps that a process has open, or attached (proc_pid_fdinfo(5)). */
function heldIn(pid: number | string): Set<string> {
  try {
    const texts = readdirSync(`/proc/${pid}/fdinfo`).map((fd) => textOf(`/proc/${pid}/fdinfo/${fd}`));
    return new Set(
      texts.flatMap((text) =>
        [...text.matchAll(/^(prog|map)_id:\s+(\d+)$/gm)].map((ids) => `${ids[1]} ${ids[2]}`),
      ),
    );
  } catch {
    // No process, or it has ended.
    return new Set();
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
