import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, Program, run, TCPLAB, tcplabHere, temporaryFolder } from './cli.ts';

/** Programs and files that hold what a terminal would obey, or what no reader should believe. */

const folder = temporaryFolder();
const saved = join(folder, 'run.ndjson');
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not come.
const STEERING = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

beforeAll(async () => {
  expect((await tcplabHere('run', 'listen', 'bound', '--timeline', saved)).status).toBe(0);
}, 120_000);

/** All that a run prints and writes about itself. */
async function everyOutput(name: string, ...args: string[]): Promise<Record<string, string>> {
  const file = (extension: string) => join(folder, `${name}.${extension}`);
  const outputs = ['--junit', file('xml'), '--report', file('html'), '--ladder'];
  const table = await tcplabHere(...args, ...outputs);
  const texts: Record<string, string> = { table: table.stdout, stderr: table.stderr };
  for (const option of ['--json', '--tap']) texts[option] = (await tcplabHere(...args, option)).stdout;
  for (const extension of ['xml', 'html']) texts[extension] = readFileSync(file(extension), 'utf8');
  return texts;
}

const expectHarmless = (texts: Record<string, string>) => {
  for (const [output, text] of Object.entries(texts))
    expect({ output, found: STEERING.exec(text)?.[0] }).toEqual({ output });
};

/** Each runs tcplab several times. */
const SLOW = { timeout: 180_000 };

describe.concurrent("text that is not tcplab's own can't steer the terminal", SLOW, () => {
  const script = join(folder, 'escapes.sh');
  writeFileSync(
    script,
    "printf 'Error: \\033]0;title\\007\\033[2J\\033[31m red \\302\\233 \\342\\200\\256 end\\177\\n' >&2\nexit 1\n",
  );

  it('the last words of a program, in every output', async () => {
    const texts = await everyOutput('words', 'run', 'close-wait', '--server', `sh ${script}`);
    expectHarmless(texts);
    for (const output of ['table', '--json', '--tap', 'xml', 'html']) {
      expect(texts[output]?.replace(/\s+/g, ' ')).toMatch(
        /Error: \\+x1b\]0;title\\+x07\\+x1b\[2J\\+x1b\[31m red \\+x9b \\+u202e end\\+x7f/,
      );
    }
  });

  it('the same in check, hold, and the timeline', async () => {
    const timeline = join(folder, 'words.ndjson');
    const command = `sh ${script}`;
    expectHarmless({
      ...(await tcplabHere('check', 'server', '--port', '8080', '--only', 'good-client', '--', 'sh', script)),
      hold: (await tcplabHere('hold', 'close-wait', '--server', command)).stderr,
      run: (await tcplabHere('run', 'close-wait', '--server', command, '--timeline', timeline)).stdout,
      timeline: readFileSync(timeline, 'utf8'),
    } as unknown as Record<string, string>);
  });

  it('the name of a process', async () => {
    const program = join(folder, 'named.cjs');
    const timeline = join(folder, 'named.ndjson');
    writeFileSync(
      program,
      "process.title = '\\x1b[31m\\x9bred';\n" +
        "require('node:net').createServer({ allowHalfOpen: true }, (socket) => socket.resume()).listen(8080);\n",
    );
    const command = ['--server', `${process.execPath} ${program}`, '--port', '8080'];
    const ran = await tcplabHere('run', 'close-wait', ...command, '--timeline', timeline);
    expect(ran).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('\\x1b[31m\\x9bred, pid'),
    });
    expectHarmless({ stdout: ran.stdout, timeline: readFileSync(timeline, 'utf8') });
  });

  it('a saved timeline, in every output of replay', async () => {
    const file = join(folder, 'steering.ndjson');
    const evil = '\u001b]0;title\u0007\u009b31m\u202eevil\u007f\r';
    const lines = readFileSync(saved, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const event of lines) {
      for (const key of ['why', 'detail', 'result', 'text', 'nft', 'iptables', 'call'])
        if (key in event) event[key] += evil;
      if (event.type === 'run-started') {
        for (const scenario of event.scenarios) scenario.heldBy += evil;
        for (const key of ['kernel', 'arch']) event.machine[key] += evil;
        event.tool.version += evil;
      }
    }
    writeFileSync(file, `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
    const texts = await everyOutput('steering', 'replay', file);
    expectHarmless(texts);
    expect(texts['table']).toContain('\\x1b]0;title\\x07\\x9b31m\\u202eevil\\x7f\\x0d');
  });

  it('the message about a name on the command line', async () => {
    const { status, stderr } = await tcplabHere('run', '\u001b[2J\u009b');
    expectHarmless({ stderr });
    expect(status).toBe(2);
    expectHarmless({ stderr: (await tcplabHere('run', '--\u001b[2J')).stderr });
    expectHarmless({ stderr: (await tcplabHere('replay', '/no/\u001b[2J')).stderr });
  });
});

describe.concurrent('a file of another kind ends with one sentence', SLOW, () => {
  const file = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const first = () => readFileSync(saved, 'utf8').split('\n')[0];
  const started = (change: (event: { machine: unknown }) => void) => {
    const event = JSON.parse(first() ?? '');
    change(event);
    return `${JSON.stringify(event)}\n`;
  };

  it.each<[what: string, args: () => string[], sentence: RegExp]>([
    ['endless zeros', () => ['replay', '/dev/zero'], /found 64 MiB without a line end/],
    ['deep JSON', () => ['replay', file('deep', deep)], /line 1: expected run-started/],
    [
      'deep JSON inside an event',
      () => [
        'replay',
        file(
          'inside',
          started(() => {})
            .replace('"root"', deep)
            .replace('"user-namespace"', deep),
        ),
      ],
      /machine\.privilege: expected .* found a list of 1/,
    ],
    [
      'deep JSON in a list',
      () => [
        'replay',
        file('list', started((event) => Object.assign(event, { scenarios: 'DEEP' })).replace('"DEEP"', deep)),
      ],
      /scenarios\[0\]: expected an object, found a list of 1/,
    ],
    [
      'a type that is deep JSON',
      () => ['replay', file('type', `${first()}\n{"type":${deep}}\n`)],
      /line 2: unknown event type/,
    ],
    ['pairs without end', () => ['run', '--pairs', '/dev/zero'], /\/dev\/zero: it is larger than 1024 KiB/],
    [
      'pairs that are a folder',
      () => ['run', '--pairs', folder],
      /cannot read .*: illegal operation on a directory/,
    ],
    [
      'pairs that are not there',
      () => ['run', '--pairs', join(folder, 'none')],
      /cannot read .*none: no such file/,
    ],
    ['pairs that are deep', () => ['run', '--pairs', file('deep.yaml', deep)], /deep\.yaml.*/],
    [
      'pairs that are binary',
      () => ['run', '--pairs', file('bin.yaml', readFileSync(process.execPath).subarray(64, 65_536))],
      /bin\.yaml:\d+:\d+: /,
    ],
  ])('%s', async (_, args, sentence) => {
    const { status, stdout, stderr } = await run([...TCPLAB, ...args()], {
      NODE_OPTIONS: '--max-old-space-size=400',
    });
    expect(stderr).toMatch(sentence);
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expectHarmless({ stderr });
  });

  const fifo = (name: string) => {
    spawnSync('mkfifo', [join(folder, name)]);
    return join(folder, name);
  };

  it.each([
    ['replay', (path: string) => ['replay', path]],
    ['--pairs', (path: string) => ['run', '--pairs', path]],
  ])('a FIFO without a writer: %s says that it waits, and Ctrl-C ends it', async (name, args) => {
    const program = new Program([...TCPLAB, ...args(fifo(`waiting${name}`))]);
    await program.until(/waiting for data from .*waiting.*; Ctrl-C stops/, 'stderr');
    program.kill('SIGINT');
    expect((await program.ended).status).toBe(130);
  });

  it('a FIFO with a writer is read to its end', async () => {
    const path = fifo('written');
    const [reader, writer]: Promise<Outcome>[] = [
      tcplabHere('replay', path),
      run(['sh', '-c', `cat ${saved} > ${path}`]),
    ];
    expect((await writer)?.status).toBe(0);
    expect((await reader)?.stdout).toContain('2 of 2 proven');
  });
});
