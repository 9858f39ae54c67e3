import { execFileSync } from 'node:child_process';
import { delimiter, dirname, join, relative, resolve } from 'node:path';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Ten thousand connections at once overrun the kernel's trace rings of all labs on the machine: alone, at the end. */
const CROWDS = 'test/crowd.test.ts';

/** What it looks at is started before all others and sleeps beside them; it is over when its turn comes. */
const SLOW_ARCS = 'test/slow-arcs.test.ts';

/** What one process serves, one file after the other: none of them starts tcplab, or changes what its process has. */
const SHARED = [
  'src/**/*.test.ts',
  'test/{cells,counters,fold-and-kernel,ipv6,news,state-names,testing-arguments,web,why-tables}.test.ts',
];
const NOT_SHARED = ['src/kernel/late-close.test.ts', 'src/remote/{leftovers,place}.test.ts'];

/** These take the longest: they start first, so that no worker has one alone at the end. */
const LONGEST = [
  ...[
    'lessons',
    'lessons-wrong',
    'remote',
    'ui-page',
    'check-proxy',
    'lab-pages',
    'untouched',
    'check',
    'report-html',
    'remote-faults',
    'kernel-events-crash',
    'read-kernel',
  ],
  ...['package', 'hold-bulk', 'live-view', 'remote-junk', 'arcs', 'programs', 'doctor-list', 'sabotage'],
  ...['firewall', 'loops-at-once', 'timers', 'doc-commands', 'replay', 'ui', 'testing-examples'],
].map((name) => join(import.meta.dirname, `test/${name}.test.ts`));

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) =>
      LONGEST.includes(moduleId) ? LONGEST.indexOf(moduleId) : LONGEST.length;
    return (await super.sort(files)).sort((one, other) => place(one) - place(other));
  }
}

const root = import.meta.dirname;
// By a variable: the script is plain JavaScript, without types.
const script = join(root, 'scripts/build.mjs');
const { bundleIfStale } = (await import(script)) as { bundleIfStale: (root: string) => void };
bundleIfStale(root);

// Where `python3` is a script that looks for it (pyenv), each start of a test's program would cost half a second.
const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' });
process.env['PATH'] = [dirname(python), process.env['PATH']].join(delimiter);

/** Loads modules again, which Node can't: it has the sources, and what they import. */
const RELOADS = 'test/bpftrace.test.ts';

/** Tests take the modules of src/ as the build has made them: Node loads these by itself, in a fifth of the time. */
const built = {
  name: 'built',
  enforce: 'pre',
  resolveId(id: string, importer = '') {
    if (!/^[./].*\.ts$/.test(id) || id.endsWith('.test.ts')) return undefined;
    const from = relative(root, importer);
    if (from === RELOADS || /^src\/.*(?<!\.test)\.ts$/.test(from)) return undefined;
    const path = resolve(dirname(importer), id);
    const source = join(root, 'src/');
    return path.startsWith(source)
      ? path.replace(source, join(root, 'build/')).replace(/ts$/, 'js')
      : undefined;
  },
} as const;

const common = {
  // koffi and worker threads do not go together: ending a worker can abort the process.
  pool: 'forks' as const,
  // They wait more than they work: for the kernel's timers.
  maxWorkers: 2,
  testTimeout: 60_000,
  // A machine that others use may stand still for seconds. The summary names what passed at a second try only.
  retry: process.env['CI'] ? 1 : 0,
  hookTimeout: 60_000,
  server: { deps: { external: [/\/build\/.*\.js$/] } },
} satisfies ViteUserConfig['test'];

const config: ViteUserConfig = defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        plugins: [built],
        test: {
          ...common,
          name: 'shared process',
          include: SHARED,
          exclude: NOT_SHARED,
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        plugins: [built],
        test: {
          ...common,
          name: 'labs',
          include: ['test/**/*.test.ts', ...NOT_SHARED],
          exclude: [CROWDS, SLOW_ARCS, ...SHARED.slice(1)],
          sequence: { groupOrder: 0 },
        },
      },
      {
        plugins: [built],
        test: {
          ...common,
          name: 'slow arcs',
          include: [SLOW_ARCS],
          globalSetup: 'test/slow-arcs.setup.ts',
          sequence: { groupOrder: 1 },
        },
      },
      {
        plugins: [built],
        test: { ...common, name: 'crowds', include: [CROWDS], sequence: { groupOrder: 2 } },
      },
    ],
  },
});

export default config;
