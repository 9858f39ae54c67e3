import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { eventually, Program, REPOSITORY, run, TCPLAB, tcplab, tcplabHere, temporaryFolder } from './cli.ts';

const NAMES = [
  'run',
  'hold',
  'ui',
  'lab',
  'enter',
  'check',
  'explain',
  'doctor',
  'list',
  'arcs',
  'exec',
  'replay',
  'clean',
];

/** Lines of a help text that are too wide, without what is to be copied as it is. */
function tooWide(text: string, width: number): string[] {
  return text
    .split('\n')
    .filter((line) => stringWidth(line) > width && !/^ {2,6}(tcplab|redis-server) ?/.test(line));
}

/** In a terminal of so many columns (script(1)). */
async function helpInTerminal(command: string, columns: number): Promise<string> {
  const shell = `stty cols ${columns} rows 50; exec ${TCPLAB.join(' ')} ${command} --help`;
  const { stdout } = await run(['script', '--quiet', '--return', '--command', shell, '/dev/null']);
  return stdout.replaceAll('\r', '');
}

it('names our own lines where it fails itself', async () => {
  const broken = join(temporaryFolder(), 'broken.cjs');
  writeFileSync(broken, 'JSON.stringify = (value) => { if (Array.isArray(value)) throw new Error(); };');
  const [node = '', ...main] = TCPLAB;
  const { status, stderr } = await run([node, '--require', broken, ...main, 'list', '--json']);
  expect(status).toBe(1);
  expect(stderr).toContain('internal error');
  const [, path = '', line] = /(src\/cli\/list\.ts):(\d+):\d+/.exec(stderr) ?? [];
  expect(readFileSync(join(REPOSITORY, path), 'utf8').split('\n')[Number(line) - 1]).toContain(
    'JSON.stringify(',
  );
});

describe.concurrent('tcplab --help', () => {
  it('fits 24 lines of 80 columns', async () => {
    const { status, stdout } = await tcplab('--help');
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n').length).toBeLessThanOrEqual(24);
    expect(tooWide(stdout, 80)).toEqual([]);
  });

  it('groups the commands by what a user wants, and hides the agent', async () => {
    const { stdout } = await tcplab('--help');
    expect(stdout).toMatch(
      /\nMake a state:\n {2}run [\s\S]*\n {2}hold [\s\S]*\n {2}ui .*\n {2}lab .*\nJudge a program:\n {2}check .*\nExplain:\n {2}why .*\n {2}read .*\n {2}explain .*\nMore: /,
    );
    for (const name of NAMES) expect(stdout).toMatch(new RegExp(`^( {2}|More: .*)${name}\\b`, 'm'));
    expect(stdout).not.toContain('agent');
  });
});

describe.concurrent.each([...NAMES, 'agent'])('tcplab %s --help', (name) => {
  it('is complete, with examples and exit status, in 80 columns', async () => {
    const { status, stdout, stderr } = await tcplabHere(name, '--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: tcplab ${name}\\b`));
    expect(stdout).toMatch(/\nExamples:\n {2}tcplab /);
    expect(stdout).toMatch(/\nExit status: /);
    expect(stdout.split('\n').filter((line) => stringWidth(line) > 80)).toEqual([]);
    expect((await tcplabHere('help', name)).stdout).toBe(stdout);
  });

  it('is legible in 60 columns', async () => {
    expect(tooWide(await helpInTerminal(name, 60), 60)).toEqual([]);
  });

  it('lists at most eight options first, each as a noun phrase, and durations with units', async () => {
    const { stdout } = await tcplabHere(name, '--help');
    const first = /\nOptions:\n([\s\S]*?)\n\n/.exec(stdout)?.[1] ?? '';
    const flags = first.match(/^ {2}-\S+/gm) ?? [];
    expect(flags.filter((flag) => flag !== '-h' && flag !== '  -h,').length).toBeLessThanOrEqual(8);
    expect(first).toContain('-h, --help');
    for (const [, description = ''] of stdout.matchAll(/^ {2}--[\w-]+(?: <\S+>)? {2,}(\S+)/gm)) {
      expect(['print', 'write', 'draw', 'show', 'run', 'set', 'let', 'how', 'where', 'what']).not.toContain(
        description,
      );
    }
    for (const [option] of stdout.matchAll(/^ {2}--\w+ <duration>[\s\S]*?(?=\n {2}-|\n\n)/gm)) {
      expect(option).toMatch(/such\s+as\s+\d+(ms|s)/);
      expect(option.replaceAll(/\s+/g, ' ')).toContain('; a bare number is milliseconds');
      expect(option).not.toMatch(/default:\s+\d+\)/);
    }
  });
});

describe.concurrent('the first word', () => {
  it.each([
    ['close-wait', 'close-wait'],
    ['FIN_WAIT1', 'fin-wait-1'],
    ['closeWaitReset', 'close-wait-reset'],
    ['SYN-SENT>CLOSED', 'closed-refused'],
  ])('%s is short for hold', async (name, scenario) => {
    const { status, stdout } = await tcplabHere(name, '--for', '1ms', '--json');
    expect({ status, scenario: JSON.parse(stdout).scenario }).toEqual({ status: 0, scenario });
  });

  it('as a state takes a command to run in a host', async () => {
    expect(await tcplab('close-wait', '--on', 'client', '--', 'echo', 'inside')).toEqual({
      status: 0,
      stdout: 'inside\n',
      stderr: '',
    });
  });

  it('as a state has the help of hold', async () => {
    const { stdout } = await tcplabHere('hold', '--help');
    expect((await tcplabHere('close-wait', '--help')).stdout).toBe(stdout);
  });

  it('shows a hold that is not in a terminal once, after all that came before', async () => {
    for (const options of [[], ['--ladder']]) {
      const { stdout } = await tcplabHere('hold', 'listen', '--for', '700ms', ...options);
      const [before, status, after] = stdout.split('\n\n');
      expect(before).toMatch(options.length > 0 ? /SYN.*hold begins/s : /SYN .*crafted\n.*RST/s);
      expect(status).toMatch(
        /^client .*CLOSED\nserver .*LISTEN\n.* m?s in LISTEN, reached in [\d.]+ (m|µ)?s$/s,
      );
      expect(after).not.toMatch(/reached in|hold begins/);
      expect(after).toMatch(/\nproven, held for [\d.]+ (ms|s)\n$/);
    }
  });

  it('transitions is arcs', async () => {
    const [arcs, transitions] = await Promise.all([
      tcplabHere('arcs', '--help'),
      tcplabHere('transitions', '--help'),
    ]);
    expect(transitions).toEqual(arcs);
  });

  it.each([
    [['clsoe-wait'], 'did you mean close-wait?'],
    [['hodl'], 'did you mean hold?'],
    [['help', 'hodl'], 'did you mean hold?'],
    [['hodl', '--help'], 'did you mean hold?'],
    [['transition'], 'did you mean transitions?'],
    [['help', 'frobnicate'], '`tcplab --help`'],
    [['constructor'], '`tcplab --help`'],
  ])('%j is unknown, and gets suggestions of commands and states', async (args, hint) => {
    const { status, stdout, stderr } = await tcplabHere(...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(
      new RegExp(`^tcplab: unknown command '${args.find((word) => word !== 'help')}'\n`),
    );
    expect(stderr).toContain(hint);
  });
});

describe.concurrent('a process with less than it needs', () => {
  it.each([['--user'], ['--user', '--net'], ['--user', '--mount']].map((kinds) => [kinds]))(
    'works as root of a user namespace made with %j',
    async (kinds) => {
      const outcome = await run(['unshare', ...kinds, '--map-root-user', ...TCPLAB, 'run', 'close-wait']);
      expect(outcome).toMatchObject({
        status: 0,
        stderr: '',
        stdout: expect.stringContaining('1 of 1 proven'),
      });
    },
  );

  it('works for doctor in a user namespace without a network of its own', async () => {
    const outcome = await run(['unshare', '--user', '--map-root-user', ...TCPLAB, 'doctor']);
    expect(outcome).toMatchObject({ status: 0, stdout: expect.stringContaining('\nLabs work here.') });
  });

  it.each(['net_admin', 'net_raw', 'sys_admin'])(
    'works without CAP_%s, in a user namespace',
    async (name) => {
      const without = ['setpriv', '--bounding-set', `-${name}`, '--inh-caps', `-${name}`, '--'];
      const { status, stdout } = await run([...without, ...TCPLAB, 'run', 'close-wait']);
      expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('1 of 1 proven') });
    },
  );

  it.each(['net_admin', 'net_raw', 'sys_admin'])(
    'exits with 3 and names CAP_%s, where no user namespace can be made',
    async (name) => {
      const script = `echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set -${name} -- "$@"`;
      const world = ['unshare', '--user', '--map-root-user', '--net', '--mount', 'sh', '-c', script, 'sh'];
      const { status, stdout, stderr } = await run([...world, ...TCPLAB, 'run', 'close-wait']);
      expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
      expect(stderr).toMatch(`lacks CAP_${name.toUpperCase()}, and user.max_user_namespaces is 0\n`);
    },
  );

  it.each([
    ['hold', 'listen', '--on', 'client', '--', '/bin/echo', 'inside'],
    ['hold', 'close-wait', '--count', '2', '--on', 'client', '--', '/bin/echo', 'inside'],
    ['exec', '--', '/bin/echo', 'inside'],
  ])('runs a command without a PATH: %s %s', async (...args) => {
    expect(await run([...TCPLAB, ...args], { PATH: '/nonexistent' })).toEqual({
      status: 0,
      stdout: 'inside\n',
      stderr: '',
    });
  });

  it('exits with 2 where the command is not on the PATH', async () => {
    const outcome = await run([...TCPLAB, 'hold', 'listen', '--on', 'client', '--', 'netstat'], {
      PATH: '/nonexistent',
    });
    expect(outcome).toMatchObject({ status: 2, stdout: '' });
    expect(outcome.stderr).toBe(
      "tcplab: no command 'netstat': it is not in any folder of PATH\n  give the command's full path\n",
    );
  });

  it.each([64, 30])('exits with 3 and one sentence where %i files can be open', async (limit) => {
    const { status, stdout, stderr } = await run([
      'sh',
      '-c',
      `ulimit -n ${limit}; exec "$@"`,
      'sh',
      ...TCPLAB,
      'run',
    ]);
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toMatch(/^tcplab: .*EMFILE.*\n {2}raise the limit of open files \(`ulimit -n 1024`\)/);
    expect(stderr.trimEnd().split('\n')).toHaveLength(2);
  });

  it('works with few files if it opens one lab at a time', async () => {
    const names = ['close-wait', 'fin-wait-1', 'listen', 'established'];
    const few = ['sh', '-c', 'ulimit -n 60; exec "$@"', 'sh'];
    expect((await run([...few, ...TCPLAB, 'run', ...names, '--jobs', '1'])).status).toBe(0);
  });
});

describe.concurrent('tcplab exec ends what it started', () => {
  const LEFT = {
    'a background process': 'sleep 1000 >/dev/null 2>&1 & exit 5',
    'a session of its own': 'setsid sleep 1000 >/dev/null 2>&1 & exit 5',
    'one in another network': 'unshare --net sleep 1000 >/dev/null 2>&1 & exit 5',
    'one that ignores SIGTERM': '(trap "" TERM HUP; sleep 1000) >/dev/null 2>&1 & exit 5',
  };

  it.each(Object.entries(LEFT))('%s', async (_, script) => {
    const program = new Program([...TCPLAB, 'exec', '--', 'sh', '-c', script]);
    expect((await program.ended).status).toBe(5);
    expect(program.offspring()).toEqual([]);
  });

  it('even if it is killed', async () => {
    const program = new Program([...TCPLAB, 'exec', '--', 'sh', '-c', 'sleep 1000 & echo ready; wait']);
    await program.until(/ready/);
    program.kill('SIGKILL');
    await eventually('the end of all that it started', () => program.offspring().length === 0);
  });

  it('passes on each signal, and a command that ends by one gives its status', async () => {
    const script = 'trap "echo hup" HUP; trap "echo usr2" USR2; echo ready; while :; do sleep 0.01; done';
    const program = new Program([...TCPLAB, 'exec', '--', 'sh', '-c', script]);
    await program.until(/ready/);
    program.kill('SIGHUP');
    await program.until(/hup/);
    program.kill('SIGHUP');
    await program.until(/hup\nhup/);
    program.kill('SIGUSR2');
    await program.until(/usr2/);
    program.kill('SIGTERM');
    expect((await program.ended).status).toBe(143);
  });

  it('passes on no Ctrl-C that the terminal has sent to the command itself', async () => {
    // Ctrl-C is a SIGINT to the whole group; the SIGUSR2 after it is passed on, after any SIGINT.
    const command =
      'trap "echo interrupted" INT; trap "echo over; exit 0" USR2; kill -INT 0; kill -USR2 $PPID; while :; do sleep 0.01; done';
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'command'), command);
    const shell = `exec ${TCPLAB.join(' ')} exec -- sh ${join(folder, 'command')}`;
    const { stdout } = await run(['script', '--quiet', '--return', '--command', shell, '/dev/null']);
    expect(stdout.replaceAll('\r', '')).toBe('interrupted\nover\n');
  });
});

it('does not look proven if it stops in the middle', async () => {
  const halfway = [
    `const { tcplab } = await import('${REPOSITORY}/build/cli/tcplab.js');`,
    'void tcplab({ list: () => new Promise(() => {}) });',
  ].join('\n');
  const { status, stderr } = await run([process.execPath, '--input-type=module', '-e', halfway, 'list']);
  expect({ status, stderr }).toEqual({
    status: 3,
    stderr: expect.stringMatching(/stopped before it was done/),
  });
});
