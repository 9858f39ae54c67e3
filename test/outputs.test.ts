import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  eventually,
  needRoot,
  type Outcome,
  Program,
  run,
  TCPLAB,
  tcplab,
  tcplabAsOrdinaryUser,
  tcplabHere,
  temporaryFolder,
} from './cli.ts';

/** For a machine that runs other things as well. */
const SLOW = { timeout: 180_000 };
const OLD = 'what was there before\n';
const [KINDS, SHELL] = [
  ['--timeline', '--junit', '--report'],
  ['sh', '-c'],
];

/** A folder with a file in it, and what runs tcplab with that file as an output. */
function withOld(): { folder: string; file: string } {
  const folder = temporaryFolder();
  const file = join(folder, 'old');
  writeFileSync(file, OLD);
  return { folder, file };
}

/** The paths of what a process has open. */
function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((fd) => {
    try {
      return readlinkSync(join(folder, fd));
    } catch {
      // Closed meanwhile.
      return [];
    }
  });
}

/** Runs tcplab where `folder` is a full disk with a file on it; prints that file and the names on the disk in the end. */
function onFullDisk(folder: string, file: string, ...args: string[]): Promise<Outcome> {
  const script = [
    'mount -t tmpfs -o size=64k none "$FOLDER" && printf before > "$FILE" || exit 99',
    'cat /dev/zero > "$FOLDER/filler" 2> /dev/null',
    '"$@" > /dev/null; status=$?; echo "$(cat "$FILE")" $(ls -A "$FOLDER"); exit $status',
  ].join('\n');
  const command = ['unshare', '--mount', ...SHELL, script, 'sh', ...TCPLAB, ...args];
  return run(command, { FILE: file, FOLDER: folder });
}

describe.concurrent('an incomplete output leaves the old file', SLOW, () => {
  it.each([...KINDS, '--pcap'])('%s, when the disk is full', async (kind) => {
    const folder = temporaryFolder();
    const file = join(folder, 'listen.pcapng');
    const target = kind === '--pcap' ? folder : file;
    expect(await onFullDisk(folder, file, 'run', 'listen', kind, target)).toEqual({
      status: 1,
      stdout: 'before filler listen.pcapng\n',
      stderr: `tcplab: cannot write ${file}: no space left on device\n`,
    });
  });

  it.each(
    KINDS.flatMap((kind) => (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => ({ kind, signal }))),
  )('$kind, when $signal ends the run', async ({ kind, signal }) => {
    const { folder, file } = withOld();
    const program = new Program([...TCPLAB, 'run', 'listen', '--hold', '1h', kind, file]);
    await eventually('the output to be open', () =>
      openFiles(program.pid).some((path) => path.startsWith(folder)),
    );
    program.kill(signal);
    expect((await program.ended).status).toBeGreaterThan(128);
    expect(readdirSync(folder)).toEqual(['old']);
    expect(readFileSync(file, 'utf8')).toBe(OLD);
  });

  it.each(KINDS)('%s, when the run fails', async (kind) => {
    const { folder, file } = withOld();
    const script = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"';
    const command = ['unshare', '--mount', ...SHELL, script, 'sh', ...TCPLAB];
    expect((await run([...command, 'run', 'syn-flood', kind, file])).status).toBe(3);
    expect(readdirSync(folder)).toEqual(['old']);
    expect(readFileSync(file, 'utf8')).toBe(OLD);
  });

  it('--report of replay, when its timeline is cut', async () => {
    const { folder, file } = withOld();
    const timeline = join(temporaryFolder(), 'run.ndjson');
    await tcplabHere('run', 'listen', '--timeline', timeline);
    writeFileSync(timeline, readFileSync(timeline, 'utf8').split('\n').slice(0, 9).join('\n'));
    for (const kind of ['--report', '--junit']) {
      expect((await tcplab('replay', timeline, kind, file)).status).toBe(2);
      expect(readFileSync(file, 'utf8')).toBe(OLD);
    }
    expect(readdirSync(folder)).toEqual(['old']);
  });
});

describe.concurrent('a complete output', SLOW, () => {
  it.each(KINDS)('%s takes the place of the old one, with its permissions', async (kind) => {
    const { folder, file } = withOld();
    chmodSync(file, 0o640);
    expect((await tcplabHere('run', 'listen', kind, file)).status).toBe(0);
    expect(readFileSync(file, 'utf8')).not.toContain(OLD);
    expect(statSync(file).mode & 0o7777).toBe(0o640);
    expect(readdirSync(folder)).toEqual(['old']);
  });

  it('keeps the owner of the old one', async (context) => {
    needRoot(context, 'to give a file away');
    const { file } = withOld();
    spawnSync('chown', ['65534:65534', file]);
    await tcplabHere('run', 'listen', '--junit', file);
    expect(statSync(file)).toMatchObject({ uid: 65534, gid: 65534 });
  });

  it('is written where a symbolic link leads, also to a file that is not there yet', async () => {
    const { folder, file } = withOld();
    for (const [link, target] of [
      ['link', file],
      ['dangling', 'new'],
    ] as const) {
      symlinkSync(target, join(folder, link));
      await tcplabHere('run', 'listen', '--junit', join(folder, link));
      expect(lstatSync(join(folder, link)).isSymbolicLink()).toBe(true);
      expect(readFileSync(join(folder, link), 'utf8')).toMatch(/^<\?xml/);
    }
    expect(readdirSync(folder).sort()).toEqual(['dangling', 'link', 'new', 'old']);
  });

  it('is written into a file that is mounted by itself, in a folder that takes no files', async (context) => {
    needRoot(context, 'to mount');
    const { folder, file } = withOld();
    const script =
      'mount --bind "$FOLDER" "$FOLDER" && mount --bind "$FILE" "$FILE" && mount -o remount,bind,ro "$FOLDER" && exec "$@"';
    const command = [
      'unshare',
      '--mount',
      ...SHELL,
      script,
      'sh',
      ...TCPLAB,
      'run',
      'listen',
      '--junit',
      file,
    ];
    expect(await run(command, { FOLDER: folder, FILE: file })).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(file, 'utf8')).toMatch(/^<\?xml/);
  });

  it('goes to a FIFO with a reader, to /dev/stdout and to /dev/null as it comes', async () => {
    const fifo = join(temporaryFolder(), 'fifo');
    spawnSync('mkfifo', [fifo]);
    const reader = new Socket({
      fd: openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK),
      writable: false,
    });
    const { status } = await tcplab('run', 'listen', '--timeline', fifo);
    expect(status).toBe(0);
    reader.setEncoding('utf8');
    let read = '';
    for await (const text of reader) read += text;
    expect(read).toMatch(/^{"type":"run-started".*"run-ended".*\n$/s);
    const { stdout } = await tcplab('run', 'listen', '--junit', '/dev/stdout', '--report', '/dev/null');
    expect(stdout).toMatch(/^<\?xml.*<\/testsuites>\n/s);
  });
});

describe.concurrent("an output that can't be written ends with one sentence", SLOW, () => {
  it.each([[[]], [['--json']], [['--tap']], [['--ladder']]])(
    'standard output on a full disk, %j',
    async (options) => {
      const script = '"$@" > /dev/full';
      const { status, stderr } = await run([...SHELL, script, 'sh', ...TCPLAB, 'run', 'listen', ...options]);
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: 'tcplab: cannot write to standard output: no space left on device\n',
      });
    },
  );

  it('ends as SIGPIPE would when its reader has closed the pipe', async () => {
    const script = '{ "$@"; echo "status $?" >&2; } | true';
    const { stderr } = await run([...SHELL, script, 'sh', ...TCPLAB, 'run', 'listen']);
    expect(stderr).toBe('status 141\n');
  });

  it('standard error on a full disk does not change the result', async () => {
    const script = '"$@" 2> /dev/full';
    const { status } = await run([...SHELL, script, 'sh', ...TCPLAB, 'run', 'fin-wait-9']);
    expect(status).toBe(2);
  });

  it.each(KINDS)('%s to a FIFO without a reader, before anything runs', async (kind) => {
    const fifo = join(temporaryFolder(), 'fifo');
    spawnSync('mkfifo', [fifo]);
    expect(await tcplabHere('run', 'listen', '--hold', '1h', kind, fifo)).toEqual({
      status: 2,
      stdout: '',
      stderr: `tcplab: cannot write ${fifo}: no process has it open for reading\n`,
    });
  });

  it('a file that may not be written, though its folder may', async () => {
    const { folder, file } = withOld();
    chmodSync(folder, 0o777);
    chmodSync(file, 0o444);
    const { status, stderr } = await run([...tcplabAsOrdinaryUser(), 'run', 'listen', '--junit', file]);
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(file) });
    expect(readFileSync(file, 'utf8')).toBe(OLD);
  });
});

describe.concurrent('rejects two outputs that are one file before anything runs', SLOW, () => {
  const { folder, file } = withOld();
  linkSync(file, join(folder, 'hard'));
  symlinkSync('old', join(folder, 'soft'));
  symlinkSync('new', join(folder, 'dangling'));
  mkdirSync(join(folder, 'in'));
  symlinkSync('in', join(folder, 'again'));

  it.each([
    ['old', 'old'],
    ['old', './old'],
    ['old', 'hard'],
    ['old', 'soft'],
    ['new', 'in/../new'],
    ['new', 'dangling'],
    ['in/new', 'again/new'],
  ])('%s and %s', async (junit, report) => {
    const script = 'cd "$FOLDER" && exec "$@"';
    const options = ['--hold', '1h', '--junit', junit, '--report', report];
    const command = [...SHELL, script, 'sh', ...TCPLAB, 'run', 'listen', ...options];
    expect(await run(command, { FOLDER: folder })).toEqual({
      status: 2,
      stdout: '',
      stderr: `tcplab: --junit and --report name the same file: ${report}\n`,
    });
    expect(readFileSync(file, 'utf8')).toBe(OLD);
  });

  it('a report and the file that standard output is redirected to', async () => {
    const script = '"$@" --report "$FILE" > "$FILE"';
    const { status, stderr } = await run(
      [...SHELL, script, 'sh', ...TCPLAB, 'run', 'listen', '--hold', '1h'],
      {
        FILE: join(folder, 'redirected'),
      },
    );
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/--report and standard output are the same file/),
    });
  });

  it('a report and one of the packet files', async () => {
    const packets = join(folder, 'packets');
    const options = ['--pcap', packets, '--junit', join(packets, 'listen.pcapng')];
    const { status, stderr } = await tcplabHere('run', 'listen', '--hold', '1h', ...options);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/names a packet file of --pcap/),
    });
  });

  it('but not a report in the folder of the packets, nor two to /dev/null', async () => {
    const packets = join(temporaryFolder(), 'packets');
    const options = ['--pcap', packets, '--junit', join(packets, 'junit.xml')];
    expect((await tcplabHere('run', 'listen', ...options)).status).toBe(0);
    expect(readdirSync(packets).sort()).toEqual(['junit.xml', 'listen.pcapng']);
    expect((await tcplabHere('run', 'listen', '--junit', '/dev/null', '--report', '/dev/null')).status).toBe(
      0,
    );
  });
});
