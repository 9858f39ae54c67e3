import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLab } from '../src/testing/index.ts';
import '../src/testing/vitest.ts';
import { type Outcome, REPOSITORY, run, temporaryFolder } from './cli.ts';

const NODE = process.execPath;
const bin = (path: string) => join(REPOSITORY, 'node_modules', path);
const VITEST = [NODE, bin('vitest/vitest.mjs'), 'run', '--disable-console-intercept'];
const AS_ES_MODULES = ['--experimental-vm-modules', '--no-warnings'];
const ENVIRONMENT = { NODE_OPTIONS: '', NO_COLOR: '1' };

describe('the same tests', () => {
  it.concurrent('pass in vitest', async () => {
    const { status, stdout, stderr } = await run([...VITEST, '--root', example('vitest')], ENVIRONMENT);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/Tests +2 passed \(2\)/);
  });

  it.concurrent('pass in node:test', async () => {
    const command = [NODE, '--test', '--test-reporter=tap', join(example('node-test'), 'lab.test.js')];
    const { status, stdout, stderr } = await run(command, ENVIRONMENT);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('# pass 2\n# fail 0\n');
  });

  it.concurrent.each([
    ['CommonJS', 'jest', []],
    ['ES modules', 'jest-esm', AS_ES_MODULES],
  ])('pass in jest with %s', async (_, name, options) => {
    const { status, stderr } = await jest(example(name), options);
    expect(stderr).toMatch(/Tests: +2 passed, 2 total/);
    expect(status).toBe(0);
  });

  it.concurrent('are refused in a worker thread', async () => {
    const command = [...VITEST, '--root', example('vitest'), '--pool', 'threads'];
    const { status, stderr } = await run(command, ENVIRONMENT);
    expect(stderr).toContain("createLab() can't run in a worker thread");
    expect(status).not.toBe(0);
  });

  it.concurrent.each([
    ['CommonJS', 'jest', 'lab.test.js', []],
    ['ES modules', 'jest-esm', 'lab.test.mjs', AS_ES_MODULES],
  ])('pass in jest with %s in one process, file after file', async (_, name, file, options) => {
    const folder = example(name);
    cpSync(join(folder, file), join(folder, file.replace('lab', 'again')));
    const { status, stderr } = await jest(folder, options, '--runInBand');
    expect(stderr).toMatch(/Tests: +4 passed, 4 total/);
    expect(status).toBe(0);
  });
});

describe('docs/testing.md', () => {
  const text = readFileSync(join(REPOSITORY, 'docs/testing.md'), 'utf8');
  const blocks = [...text.matchAll(/^```(?:ts|js)\n(?:\/\/ (\S+\.\w+)\n)?(.*?)^```$/gms)].map(
    ([, name, code = '']) => ({ name, code }),
  );
  const named = blocks.flatMap(({ name, code }) => (name === undefined ? [] : [{ name, code }]));
  const files = named.filter(({ name }) => !name.startsWith('jest/'));
  const fragments = blocks.filter(({ name }) => name === undefined).map(({ code }) => code);

  it('has tests that run, and every fragment runs in a test', async () => {
    const folder = project();
    for (const { name, code } of files) writeFileSync(join(folder, name), code);
    writeFileSync(join(folder, 'fragments.test.ts'), fragmentsAsTests(fragments));
    writeFileSync(
      join(folder, 'vitest.config.ts'),
      "export default { test: { pool: 'forks', testTimeout: 60_000 } };\n",
    );
    const { status, stdout, stderr } = await run([...inFolder(folder), ...VITEST], ENVIRONMENT);
    expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/Test Files +5 passed \(5\)/);
    expect(stdout).toMatch(/Tests +13 passed \(13\)/);
  });

  it('has a test for jest that runs in CommonJS', async () => {
    const folder = project();
    writeFileSync(join(folder, 'package.json'), '{}');
    const [first, ...others] = named.filter(({ name }) => name.startsWith('jest/'));
    expect(others).toEqual([]);
    writeFileSync(join(folder, 'close-wait.test.js'), first?.code ?? '');
    const { status, stderr } = await jest(folder, []);
    expect(stderr).toMatch(/Tests: +1 passed, 1 total/);
    expect(status).toBe(0);
  });

  it('has tests whose types are right, and a wrong use does not compile', async () => {
    const folder = project();
    const tests = files.filter(({ name }) => name.endsWith('.test.ts'));
    for (const { name, code } of tests) writeFileSync(join(folder, name), code);
    expect(
      await compile(
        folder,
        tests.map(({ name }) => name),
      ),
    ).toEqual({ status: 0, stdout: '', stderr: '' });
    const [first] = tests;
    writeFileSync(join(folder, 'wrong.test.ts'), first?.code.replace("on: 'server', ", '') ?? '');
    const { status, stdout } = await compile(folder, ['wrong.test.ts']);
    expect(status).not.toBe(0);
    expect(stdout).toMatch(/Property 'on' is missing/);
  });

  it('describes everything that a lab has', () => {
    expect(files.length).toBe(5);
    expect(fragments.length).toBe(8);
    for (const word of [
      'connected',
      'connectionOf',
      'nextConnection',
      'ladder()',
      'timeline',
      'assertState',
      'matchers',
      'lab.middle',
    ])
      expect(text).toContain(word);
  });
});

describe('what a failure looks like', () => {
  it('has the ladder and both tables', async () => {
    const keep = temporaryFolder();
    await using lab = await createLab({ keep });
    const listener = await lab.server.listen();
    const connection = await lab.client.connect({ localPort: 40_000 });
    await listener.accept();
    await lab.server.drop({ flags: 'F' });
    await connection.client.shutdown();
    const error = await expect(connection)
      .toBeInState('CLOSE-WAIT', { on: 'server', within: 0 })
      .catch((thrown: Error) => thrown);
    expect(masked(error?.message ?? '', keep)).toMatchInlineSnapshot(`
      "the server is in ESTABLISHED, not in CLOSE-WAIT (read once)

                            client                               server
                      192.168.2.10:40000                     192.168.2.11:80
                               ┊                                    │ setsockopt()
                               ┊                                    │ SO_REUSEADDR 1
                               ┊                                    │ bind() listen(5)
              bind() connect() ┊                                    │
                      SYN-SENT ├─ [S] SYN  seq 0 ──────────────────▶│
                   ESTABLISHED │◀─────── [S.] SYN-ACK  seq 0 ack 1 ─┤ SYN-RECEIVED
                               ├─ [.] ACK  seq 1 ack 1 ────────────▶│ ESTABLISHED
                               │                                    │ accept()
                               │  rule 1: tcp flags & (fin) == fin ▒│
                               │  drop                             ▒│
                  shutdown(WR) │                                    │
                    FIN-WAIT-1 ├─ [F.] FIN  seq 1 ack 1 ───✗ rule 1 │
                               │ · the test expects CLOSE-WAIT on   │
                               │   the server                       │
      [S] SYN   [.] ACK   [F] FIN   ┊ closed   ✗ dropped

      sockets of the client:
        FIN-WAIT-1  192.168.2.10:40000  192.168.2.11:80  0 unread, 1 unacknowledged  retransmission in TIME
      sockets of the server:
        LISTEN       192.168.2.11:80  *                   accept queue 0, backlog 5
        ESTABLISHED  192.168.2.11:80  192.168.2.10:40000  0 unread, 0 unacknowledged

      saved: KEEP/what-a-failure-looks-like-TEST/timeline.ndjson (for tcplab replay --ladder) and packets.pcapng (for Wireshark)"
    `);
  });
});

/** Without what is another time another: times, pauses, and the folder. */
function masked(text: string, keep: string): string {
  return (
    text
      .replaceAll(keep, 'KEEP')
      .replace(/has-the-ladder-and-both-tables-\w+/, 'TEST')
      .replace(/^⋮.*\n/gm, '')
      .replace(/^(?: *[\d.]+ (?:µs|ms|s)| {6}0) /gm, '        ')
      .replace(/in [\d.]+ ms$/gm, 'in TIME')
      // Without kernel events nobody has seen when the listener began.
      .replace(/[┊│](?= setsockopt| SO_REUSEADDR| bind\(\) listen)/g, '│')
      .replace(/^.*│ LISTEN\n/m, '')
  );
}

/** A folder in which packages are found as in one where they were installed. */
function project(): string {
  const folder = temporaryFolder();
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, '@types'), { recursive: true });
  symlinkSync(REPOSITORY, join(modules, 'tcplab'));
  for (const name of ['vitest', '@types/node']) symlinkSync(bin(name), join(modules, name));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  return folder;
}

/** Each in a lab of its own, or one that it opens itself, with what the text around it presumes. */
function fragmentsAsTests(fragments: readonly string[]): string {
  const tests = fragments.map(
    (code, index) => `it('runs fragment ${index + 1}', async () => {
  await using lab = await createLab({ serverPort: 4000 });
  const connection = await lab.connected();
  {
    ${code}
  }
});`,
  );
  return `import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { assertState, createLab } from 'tcplab/testing';
import { expect, it } from 'vitest';
import 'tcplab/testing/vitest';
${tests.join('\n')}
`;
}

/** A copy of an example, in a project in which tcplab and vitest are found. */
function example(name: string): string {
  const folder = project();
  cpSync(join(REPOSITORY, 'examples', name), folder, { recursive: true });
  return folder;
}

const inFolder = (folder: string) => ['sh', '-c', 'cd "$0" && exec "$@"', folder];

function jest(folder: string, options: string[], ...args: string[]): Promise<Outcome> {
  return run([...inFolder(folder), NODE, ...options, bin('jest/bin/jest.js'), ...args], ENVIRONMENT);
}

function compile(folder: string, files: string[]): Promise<Outcome> {
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable', 'dom'],
    strict: true,
    skipLibCheck: true,
    noEmit: true,
    types: ['node'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  return run([NODE, bin('typescript/bin/tsc'), '-p', folder]);
}
