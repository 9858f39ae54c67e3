import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { BOX_SCENARIOS } from '../src/scenario/box-catalogue.ts';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import { STATES } from '../src/tcp/state.ts';
import {
  IS_ROOT,
  listed,
  type Outcome,
  Program,
  run,
  TCPLAB,
  tcplabAsOrdinaryUser,
  tcplabHere,
} from './cli.ts';

const ESCAPE = '\u001b';
const COLOUR = new RegExp(`${ESCAPE}\\[[\\d;]+m`);
const ANY_CODE = new RegExp(`${ESCAPE}(\\[\\??[\\d;]*[A-Za-z]|[78])`, 'g');
/** Lines are cleared, to be drawn again. */
const REDRAWN = new RegExp(`(${ESCAPE}\\[\\d+A\\r?${ESCAPE}\\[K[\\s\\S]*){2}`);

describe.concurrent('tcplab list', () => {
  it('shows every scenario below the state that it holds', async () => {
    const { status, stdout, stderr } = await tcplabHere('list');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    let state = '';
    const found: string[] = [];
    for (const line of stdout.split('\n')) {
      if (/^\S/.test(line)) state = line;
      else if (/^ {2}\S/.test(line)) found.push(`${state} ${line.trim()}`);
    }
    const known = CATALOGUE.map(({ id, held }) => `${held.state} ${id}`);
    expect(found.toSorted()).toEqual(known.toSorted());
    expect(found.length).toBeGreaterThanOrEqual(17);
  });

  it('--json gives the same, with what each is', () => {
    expect(listed()).toEqual(
      CATALOGUE.map(({ id, title, held, peer, heldBy }) =>
        expect.objectContaining({ id, title, ...held, peer, heldBy }),
      ),
    );
    const states = new Set(listed().map(({ state }) => state));
    expect(STATES.filter((state) => !states.has(state))).toEqual([]);
  });

  it('--box lists those with a box between the hosts', async () => {
    const { status, stdout } = await tcplabHere('list', '--box', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout).map(({ id }: { id: string }) => id)).toEqual(BOX_SCENARIOS.map(({ id }) => id));
    const shown = (await tcplabHere('list', '--box')).stdout;
    for (const { id, title } of BOX_SCENARIOS) {
      expect(shown).toContain(`  ${id}\n`);
      expect(shown.replaceAll(/\s+/g, ' ')).toContain(title);
    }
  });

  it('an ordinary user gets the same', async () => {
    const own = await tcplabHere('list', '--json');
    expect(await run([...tcplabAsOrdinaryUser(), 'list', '--json'])).toEqual(own);
  });
});

interface Doctor {
  machine: Record<'kernel' | 'arch' | 'node' | 'tcplab', string>;
  works: boolean;
  abilities: {
    name: string;
    gives: string;
    needed: boolean;
    works: boolean;
    why: string | null;
    mend: string | null;
  }[];
}

describe.concurrent('tcplab doctor', () => {
  it('finds that labs work here', async () => {
    const { status, stdout, stderr } = await tcplabHere('doctor');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/\nLabs work here\.( Missing, but optional: kernel events\.)?\n$/);
    expect(stdout).toContain(`node ${process.version}`);
  });

  it('--json says the same of each ability', async () => {
    const [human, { status, stdout, stderr }] = await Promise.all([
      tcplabHere('doctor'),
      tcplabHere('doctor', '--json'),
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { machine, works, abilities } = JSON.parse(stdout) as Doctor;
    expect(works).toBe(true);
    expect(Object.values(machine)).not.toContain('');
    const lines = human.stdout.split('\n');
    for (const ability of abilities) {
      const word = ability.works ? 'ok' : 'optional';
      expect(lines.find((line) => line.includes(` ${ability.name} `))).toMatch(new RegExp(`^${word} `));
      expect(ability.why === null).toBe(ability.works);
      expect(ability.mend === null).toBe(ability.works);
    }
    expect(abilities.length).toBeGreaterThanOrEqual(10);
  });

  it('tells an ordinary user what root would add, and how', async () => {
    const { status, stdout } = await run([...tcplabAsOrdinaryUser(), 'doctor', '--json']);
    expect(status).toBe(0);
    const { abilities } = JSON.parse(stdout) as Doctor;
    expect(abilities.filter(({ works }) => !works)).toEqual([
      expect.objectContaining({
        name: 'kernel events',
        needed: false,
        why: 'kernel events need root',
        mend: expect.stringContaining('sudo tcplab'),
      }),
    ]);
  });

  it('root has all', async (context) => {
    if (!IS_ROOT) context.skip('needs root: kernel events');
    const { abilities } = JSON.parse((await tcplabHere('doctor', '--json')).stdout) as Doctor;
    expect(abilities.filter(({ works }) => !works)).toEqual([]);
  });
});

/** Waits until the kernel has given the connection up. */
const GIVE_UP =
  'echo 1 >/proc/sys/net/ipv4/tcp_orphan_retries; while ss -tanH | grep -q FIN-WAIT-1; do sleep 0.05; done';

/** What people look at. */
const SHOWN: string[][] = [
  ['list'],
  ['doctor'],
  ['run', 'close-wait', 'closed-rejected-icmp', 'syn-received'],
  ['run', 'fin-wait-1', '--repeat', '2'],
  ['hold', 'fin-wait-1', '--for', '500ms'],
  ['hold', 'time-wait', '--for', '100ms'],
  ['hold', 'fin-wait-1-descriptor-open', '--count', '3', '--for', '100ms'],
  ['explain', 'CLOSE-WAIT'],
  ['explain', 'syn-received-simultaneous-open'],
];

for (const args of SHOWN) {
  describe.concurrent(`tcplab ${args.join(' ')}`, () => {
    it('without a terminal: no escape codes, 80 columns', async () => {
      const { status, stdout, stderr } = await tcplabHere(...args);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).not.toContain(ESCAPE);
      expect(stdout).not.toBe('');
      expect(tooWide(stdout)).toEqual([]);
    });

    it('in a terminal: colours, and 80 columns still', async () => {
      const { status, stdout } = await inTerminal(args);
      expect(status).toBe(0);
      expect(stdout).toMatch(COLOUR);
      expect(tooWide(stdout)).toEqual([]);
    });

    it('in a terminal with NO_COLOR: no colours', async () => {
      const { status, stdout } = await inTerminal(args, 'NO_COLOR=1');
      expect(status).toBe(0);
      expect(stdout).not.toMatch(COLOUR);
    });

    it('in a terminal that can do nothing: no codes at all', async () => {
      const { status, stdout } = await inTerminal(args, 'TERM=dumb');
      expect(status).toBe(0);
      expect(stdout).not.toContain(ESCAPE);
    });
  });
}

describe.concurrent.each([60, 160])('in a terminal of %i columns', (columns) => {
  it.each([['list'], ['arcs']])('%s fills the width', async (command) => {
    const { stdout } = await inTerminal([command], undefined, columns);
    const widths = withoutEscapes(stdout)
      .split('\n')
      .map((line) => stringWidth(line));
    expect(Math.max(...widths)).toBeLessThanOrEqual(Math.min(columns, 120));
    if (columns > 80) expect(Math.max(...widths)).toBeGreaterThan(80);
  });
});

it('another processor is refused in words, and what only prints text works there', async () => {
  const other = `data:text/javascript,Object.defineProperty(process,'arch',{value:'riscv64'})`;
  const as = (...args: string[]) => run([process.execPath, '--import', other, ...TCPLAB.slice(1), ...args]);
  const doctor = await as('doctor');
  expect([doctor.status, doctor.stdout]).toEqual([3, '']);
  expect(doctor.stderr).toMatch(
    /^tcplab: this machine's processor is riscv64, and tcplab runs on x64 and arm64 only\n/,
  );
  expect((await as('list')).status).toBe(0);
});

it('a ladder among several begins where the line that shows progress was erased', async () => {
  const names = ['closing', 'syn-sent', 'close-wait'];
  const { stdout } = await inTerminal(['run', ...names, '--ladder']);
  expect(stdout).toMatch(/\d of 3 done/);
  for (const line of withoutEscapes(stdout).split('\n')) {
    expect(line).not.toMatch(/ done.*(closing|syn-sent|close-wait)/);
  }
});

describe.concurrent('what is wrong', () => {
  const LONG: [args: string[], status: number, words: string][] = [
    [
      ['run', '--hold', 'abc'],
      2,
      "argument 'abc' is invalid. Expected a duration such as 250ms, 30s or 2m (more than 0, less than 24 days; a bare number is milliseconds)",
    ],
    [
      ['run', 'closing', '--server', 'true'],
      2,
      "closing can't use your program as the server: it must close",
    ],
    [
      ['hold', 'listen', '--count', '3'],
      2,
      "can't be held many times over: a single listener serves any number of connections",
    ],
    [
      ['hold', 'fin-wait-1', '--on', 'client', '--', 'sh', '-c', GIVE_UP],
      0,
      'while it ran, fin-wait-1 was disproven: socket-table of client: saw FIN-WAIT-1, then CLOSED',
    ],
  ];

  it.each(LONG)('fits the terminal: %j', async (args, status, words) => {
    const outcome = await inTerminal(args);
    expect(outcome.status).toBe(status);
    expect(tooWide(outcome.stdout)).toEqual([]);
    expect(outcome.stdout.replaceAll(/\s+/g, ' ')).toContain(words);
  });

  it.each(LONG)('is one line without a terminal, so that grep finds it: %j', async (args, status, words) => {
    const outcome = await tcplabHere(...args);
    expect(outcome.status).toBe(status);
    expect(outcome.stderr.split('\n').some((line) => line.includes(words))).toBe(true);
  });
});

it('what goes on is shown in one line, which is cut where the terminal ends', async () => {
  const probes = ['check', 'server', '--only', 'half-finished-handshakes', '--within', '100ms'];
  const { stdout } = await inTerminal([...probes, '--', 'sleep 10'], undefined, 40);
  expect(stdout).toMatch(/\[Krunning: serves: a client .*…\r/);
  expect(tooWide(stdout)).toEqual([]);
});

describe.concurrent('tcplab hold', () => {
  it('draws a live view in a terminal until Ctrl-C stops it', async () => {
    const program = inPseudoTerminal([...TCPLAB, 'hold', 'fin-wait-1']);
    // Two retransmitted FINs, and the block at the bottom drawn again in between.
    await program.until(/\[F\.\] FIN[\s\S]*\[F\.\] FIN[\s\S]*\[F\.\] FIN/);
    await program.until(REDRAWN);
    const [tcplabItself = 0] = program.offspring();
    process.kill(tcplabItself, 'SIGINT');
    const { status, stdout } = await program.ended;
    const text = withoutEscapes(stdout);
    expect(status).toBe(0);
    for (const words of [
      /client → server {2}\[S\] {2}SYN {6}seq 0/,
      /seq 1 ack 1 {5}✗ rule 1/,
      /client {2}192\.168\.2\.10:\d+ +FIN-WAIT-1/,
      /server {2}192\.168\.2\.11:80 +ESTABLISHED/,
      /retransmits in .*times out in about/s,
      /rule 1: tcp dport 80 drop: \d+ packets/,
      /Ctrl-C stops the hold/,
      /proven, held for/,
    ]) {
      expect(text).toMatch(words);
    }
  });

  it('without a terminal: lines only, until SIGINT', async () => {
    const program = new Program([...TCPLAB, 'hold', 'syn-sent']);
    await program.until(/LISTEN/);
    program.kill('SIGINT');
    const { status, stdout, stderr } = await program.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/client {2}192\.168\.2\.10:\d+ +SYN-SENT\n[\s\S]*proven, held for/);
    expect(stdout).not.toContain('Ctrl-C');
    expect(stdout).not.toContain(ESCAPE);
  });

  it('--json: the result on stdout, what is watched on stderr', async () => {
    const { status, stdout, stderr } = await tcplabHere('hold', 'close-wait', '--for', '100ms', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      scenario: 'close-wait',
      state: 'CLOSE-WAIT',
      verdict: 'proven',
    });
    expect(stderr).toMatch(/proven, held for/);
  });

  it('tells when it is lost, and ends with 1', async () => {
    // The kernel gives up FIN-WAIT-1 at once when it may not retransmit.
    const { status, stderr } = await tcplabHere(
      'hold',
      'fin-wait-1',
      '--on',
      'client',
      '--',
      'sh',
      '-c',
      GIVE_UP,
    );
    expect(status).toBe(0);
    expect(stderr).toMatch(
      /while it ran, fin-wait-1 was disproven: socket-table of client: saw FIN-WAIT-1, then CLOSED/,
    );
  });
});

/** With script(1). */
function inPseudoTerminal(command: readonly string[], setting = 'TERM=xterm', columns = 80): Program {
  const quoted = command.map((word) => `'${word}'`).join(' ');
  const shell = `stty cols ${columns} rows 50; exec env ${setting} ${quoted}`;
  return new Program(['script', '--quiet', '--return', '--command', shell, '/dev/null'], {
    NO_COLOR: '',
    TERM: 'xterm',
  });
}

function inTerminal(args: readonly string[], setting?: string, columns?: number): Promise<Outcome> {
  return inPseudoTerminal([...TCPLAB, ...args], setting, columns).ended;
}

function withoutEscapes(text: string): string {
  // A line that shows progress is erased before the next is written in its place.
  return text.replaceAll(`\r${ESCAPE}[K`, '\n').replaceAll(ANY_CODE, '').replaceAll('\r', '');
}

function tooWide(text: string): string[] {
  return withoutEscapes(text)
    .split('\n')
    .filter((line) => stringWidth(line) > 80);
}
