import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { errorsOf, TcplabError } from '../src/error.ts';
import { AsyncDisposableStack, DisposableStack } from '../src/kernel/disposable-stack.ts';
import { NetworkNamespace } from '../src/kernel/namespace.ts';
import { PacketLog } from '../src/kernel/nflog.ts';
import { PacketCapture } from '../src/kernel/packet-capture.ts';
import { openNamespacePair } from '../src/lab/namespace-pair.ts';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import { runScenario } from '../src/scenario/run.ts';
import { IS_ROOT, REPOSITORY, run, TCPLAB } from './cli.ts';

/** Setups that fail halfway: they leave no descriptor behind, and their first error is the one that is reported. */

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** How many descriptors ten failures leave behind. */
function leftByTen(work: () => void): number {
  const before = descriptors();
  for (let time = 1; time <= 10; time++) expect(work).toThrow();
  return descriptors() - before;
}

describe('a setup that fails halfway leaves no descriptor', () => {
  it('of a capture whose interface does not exist', () => {
    expect(leftByTen(() => new PacketCapture('nothing'))).toBe(0);
  });

  it('of a packet log whose group is taken', () => {
    const namespace = NetworkNamespace.create();
    const first = namespace.enter(() => new PacketLog(7));
    expect(leftByTen(() => namespace.enter(() => new PacketLog(7)))).toBe(0);
    first.close();
    namespace.close();
  });

  // Each number of free descriptors lets it fail at another step, until there are enough.
  it.each(['lab', 'crowd', 'shared host', 'program'])(
    'of a %s, at whatever step the descriptors are used up',
    { timeout: 180_000 },
    (kind) => {
      const build = pathToFileURL(`${REPOSITORY}/build/`).href;
      const args = ['--input-type=module', '-e', SWEEP, build, kind];
      const limited = ['-c', 'ulimit -n 150; exec "$0" "$@"', process.execPath, ...args];
      const { stdout, stderr } = spawnSync('sh', limited, { encoding: 'utf8' });
      expect(stderr).toBe('');
      const tries = JSON.parse(stdout) as { free: number; left: number; error: string | null }[];
      expect(tries.length).toBeGreaterThan(IS_ROOT ? 6 : 4);
      expect(tries.at(-1)?.error).toBeNull();
      for (const { free, left, error } of tries) {
        expect({ free, left }).toEqual({ free, left: 0 });
        if (free !== tries.at(-1)?.free) expect(error).toMatch(/^MACHINE \w+ \(?.*failed: EMFILE$/);
      }
    },
  );
});

/** Opens and closes a thing with 0, 1, 2 … free descriptors, until there are enough of them. */
const SWEEP = `
  import { closeSync, openSync, readdirSync } from 'node:fs';
  const [, build, kind] = process.argv;
  const { Lab } = await import(build + 'lab/lab.js');
  const { Crowd } = await import(build + 'lab/crowd.js');
  const { openSharedHost } = await import(build + 'remote/shared-host.js');
  const shared = {
    name: 'server', family: 'ipv4', firewall: 'nft', address: '127.0.0.1', interface: 'lo', peer: '127.0.0.2',
    serverPort: 4321, clientPorts: { first: 1, last: 2 }, allowSysctl: false,
  };
  const close = (opened) => opened[Symbol.asyncDispose]();
  const works = {
    lab: async () => close(await Lab.open()),
    crowd: async () => close(await Crowd.open({ family: 'ipv4', parts: [{ count: 1, firstServerPort: 80 }] })),
    'shared host': async () => (await openSharedHost(shared, () => {}, () => {})).dispose(),
    program: async () => {
      const lab = await Lab.open();
      try {
        await lab.client.start('true');
      } finally {
        await close(lab);
      }
    },
  };
  // What is kept for all labs.
  await works[kind]();
  const turn = () => new Promise((resolve) => setTimeout(resolve, 2));
  const tries = [];
  // A program needs a lab first, which fails as above.
  for (let free = kind === 'program' ? 12 : 0; tries.at(-1)?.error !== null; free++) {
    const spare = fill();
    for (const fd of spare.splice(0, free)) closeSync(fd);
    let error = null;
    await works[kind]().catch((caught) => {
      error = caught.code + ' ' + caught.message;
    });
    // A pipe to a process that has ended closes a moment later.
    let freed = 0;
    for (let tries = 1; tries <= 500 && freed !== free; tries++) {
      const more = fill();
      freed = more.length;
      for (const fd of more) closeSync(fd);
      await turn();
    }
    for (const fd of spare) closeSync(fd);
    tries.push({ free, left: free - freed, error });
  }
  console.log(JSON.stringify(tries));

  function fill() {
    const fds = [];
    for (;;) {
      try {
        fds.push(openSync('/dev/null'));
      } catch {
        return fds;
      }
    }
  }
`;

describe('what goes wrong at the end', () => {
  const failure = (message: string) => () => {
    throw new Error(message);
  };

  it('is thrown after every step was taken, the last one first', async () => {
    const taken: number[] = [];
    const stack = new AsyncDisposableStack();
    stack.defer(() => taken.push(1));
    stack.defer(failure('two'));
    stack.defer(async () => taken.push(3));
    await expect(stack[Symbol.asyncDispose]()).rejects.toThrow('two');
    expect(taken).toEqual([3, 1]);
    await stack[Symbol.asyncDispose]();
    expect(taken).toEqual([3, 1]);
  });

  it('is thrown as one error when several steps fail', () => {
    const stack = new DisposableStack();
    stack.defer(failure('one'));
    stack.defer(failure('two'));
    expect(() => stack[Symbol.dispose]()).toThrow('two; one');
  });

  it('undoes nothing after the steps were moved to another stack', () => {
    const taken: number[] = [];
    const stack = new DisposableStack();
    stack.defer(() => taken.push(1));
    const moved = stack.move();
    stack[Symbol.dispose]();
    expect(taken).toEqual([]);
    moved[Symbol.dispose]();
    expect(taken).toEqual([1]);
  });

  it('comes after the error of the block', () => {
    const thrown = (() => {
      try {
        using stack = new DisposableStack();
        stack.defer(failure('the end'));
        throw new Error('the first');
      } catch (error) {
        return error;
      }
    })();
    expect(errorsOf(thrown).map((error) => (error as Error).message)).toEqual(['the first', 'the end']);
  });

  it('does not hide why a run failed', async () => {
    const first = new TcplabError('USAGE', 'the first');
    const running = runScenario(CATALOGUE[0] as (typeof CATALOGUE)[number], {
      hosts: async (request) => {
        const pair = await openNamespacePair(request);
        const dispose = async () => {
          await pair.dispose();
          throw new TcplabError('SYSTEM', 'the end');
        };
        return { ...pair, dispose };
      },
      during: async () => {
        throw first;
      },
    });
    await expect(running).rejects.toBe(first);
  });
});

it('with few descriptors tcplab says so, with status 3', async () => {
  const limited = ['sh', '-c', 'ulimit -n 64; exec "$@"', 'sh', ...TCPLAB];
  const { status, stderr } = await run([...limited, 'run', '--jobs', '20', '--repeat', '2']);
  expect(status).toBe(3);
  expect(stderr).toMatch(/^tcplab: \w.*EMFILE.*\n {2}.*ulimit -n/);
  expect(stderr).not.toMatch(/^ +at /m);
});
