import { beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../src/report/story/run-report.ts';
import { expectProven, IS_ROOT, needRoot, run, TCPLAB } from './cli.ts';

/** Kernel events come by BPF or by tracefs, or not at all: all witnesses must report the same, where they can see. */

const WAYS = ['bpf', 'tracefs', 'none'] as const;
type Way = (typeof WAYS)[number];

interface ArcsReport {
  machine: { witnesses: string[] };
  arcs: { number: number; scenario: string; verdict: string; seenBy: string[]; because: string | null }[];
}

async function ask<T>(way: Way, ...args: string[]): Promise<T> {
  const { stdout, stderr } = await run([...TCPLAB, ...args, '--json'], { TCPLAB_KERNEL_EVENTS: way });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as T;
}

describe('kernel events by BPF, by tracefs and without', () => {
  const runs = new Map<Way, RunReport>();
  const arcs = new Map<Way, ArcsReport>();

  beforeAll(async () => {
    if (!IS_ROOT) return;
    for (const way of WAYS) {
      runs.set(way, await ask<RunReport>(way, 'run'));
      arcs.set(way, await ask<ArcsReport>(way, 'arcs'));
    }
  }, 120_000);

  it('prove every scenario', (context) => {
    needRoot(context, 'kernel events');
    for (const way of WAYS) {
      const results = runs.get(way)?.results ?? [];
      expectProven(results.map((result) => ({ ...result, scenario: `${way} ${result.scenario}` })));
    }
  });

  it('have every witness say the same of every scenario, where it can see', (context) => {
    needRoot(context, 'kernel events');
    const said = (way: Way) =>
      runs.get(way)?.results.map(({ scenario, host, state, witnesses, peer }) => {
        const { kernelEvents, ...others } = witnesses;
        const all = {
          kernelEvents: kernelEvents?.says,
          peerKernelEvents: peer?.witnesses.kernelEvents?.says,
        };
        return { scenario, host, state, others, kernel: way === 'none' ? null : all };
      });
    expect(said('tracefs')).toEqual(said('bpf'));
    expect(said('none')).toEqual(said('bpf')?.map((each) => ({ ...each, kernel: null })));
  });

  it('see every transition, by the same witnesses', (context) => {
    needRoot(context, 'kernel events');
    const seen = (way: Way) =>
      arcs.get(way)?.arcs.map(({ number, scenario, verdict, because, seenBy }) => {
        const others = seenBy.filter((witness) => witness !== 'kernel-events');
        const kernel = way === 'none' ? null : seenBy.includes('kernel-events');
        return { number, scenario, verdict, because, others, kernel };
      });
    expect(seen('bpf')?.filter(({ verdict }) => verdict !== 'proven' && verdict !== 'skipped')).toEqual([]);
    expect(seen('tracefs')).toEqual(seen('bpf'));
    expect(seen('none')).toEqual(seen('bpf')?.map((each) => ({ ...each, kernel: null })));
  });
});

it('a source that does not exist is an error, whatever the command', async () => {
  for (const command of ['run', 'doctor', 'list']) {
    const { status, stderr } = await run([...TCPLAB, command], { TCPLAB_KERNEL_EVENTS: 'bfp' });
    expect(status).toBe(2);
    expect(stderr).toBe(
      'tcplab: TCPLAB_KERNEL_EVENTS=bfp names no source of kernel events\n  use one of bpf, tracefs, none, or unset the variable\n',
    );
  }
});
