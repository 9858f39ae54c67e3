import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { Timeline } from '../src/evidence/timeline.ts';
import { Lab } from '../src/lab/lab.ts';
import { fails, type MatrixReport } from '../src/report/story/matrix.ts';
import { type Cell, judgeTrial } from '../src/scenario/matrix/cell.ts';
import { drive, type Trial } from '../src/scenario/matrix/drive.ts';
import { EVENTS, type Event } from '../src/tcp/matrix/events.ts';
import { fits, fitsRow } from '../src/tcp/matrix/fits.ts';
import { REASONS } from '../src/tcp/matrix/linux.ts';
import { ROWS, type Row } from '../src/tcp/matrix/rows.ts';
import type { Segment } from '../src/tcp/segment.ts';
import { sequenceNumber } from '../src/tcp/sequence.ts';
import type { State } from '../src/tcp/state.ts';
import { REPOSITORY, tcplabHere, temporaryFolder } from './cli.ts';
import { CELLS } from './matrix/cells.ts';

/** The kernel on which test/matrix/linux.ndjson was measured. */
const MEASURED_ON = '6.18';

const validate = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true }).compile(
  JSON.parse(readFileSync(join(REPOSITORY, 'schema/matrix.schema.json'), 'utf8')),
);

async function matrix(...args: string[]): Promise<MatrixReport> {
  const { stdout, stderr } = await tcplabHere('matrix', ...args, '--json');
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as MatrixReport;
}

const nameOf = ({ state, event }: { state: string; event: string }) => `${state} ${event}`;
const rowNamed = (name: string) => ROWS.find((row) => row.name === name) as Row;
const eventNamed = (name: string) => EVENTS.find((event) => event.name === name) as Event;

describe('the whole matrix', () => {
  let cells: Cell[] = [];
  const cell = (name: string) => cells.find((one) => nameOf(one) === name);

  beforeAll(async () => {
    const report = await matrix();
    expect(validate(report), JSON.stringify(validate.errors?.slice(0, 5))).toBe(true);
    ({ cells } = report);
  }, 120_000);

  it('has each event in each state, and each is seen', () => {
    expect(cells).toHaveLength(ROWS.length * EVENTS.length);
    expect(cells.filter(({ after }) => after === null)).toEqual([]);
    const unseen = cells.filter(({ verdict }) => verdict === 'not seen');
    expect(unseen.every(({ because }) => because?.startsWith('no descriptor'))).toBe(true);
  });

  it('is as another prober measured it on the same kernel', () => {
    const others = CELLS.filter((one) => {
      const ours = cell(nameOf(one));
      return ours?.answer !== one.answer || ours?.after !== one.after;
    });
    console.log(`${CELLS.length - others.length} of ${CELLS.length} cells agree`);
    if (release().startsWith(MEASURED_ON)) expect(others.map(nameOf)).toEqual([]);
    else expect(others.length).toBeLessThan(CELLS.length / 20);
  });

  it('has the reason for each difference, and no reason that nothing needs', () => {
    const differing = cells.filter(({ verdict }) => verdict === 'differs');
    expect(differing.filter(fails).map(nameOf)).toEqual([]);
    if (!release().startsWith(MEASURED_ON)) return;
    for (const [events, rows] of REASONS)
      for (const event of events.split(' '))
        expect(
          differing.some((one) => fits(event, one.event) && fitsRow(rows, rowNamed(one.state))),
          `${event} in ${rows}`,
        ).toBe(true);
  });

  it('has the same state from the packets, or they show that they can not know', () => {
    for (const one of cells) {
      const { packets } = one.witnesses;
      // The connection is closed; that its end listens again is not shown by its segments.
      const after = one.after === 'LISTEN' ? 'CLOSED' : one.after;
      if (packets.length > 0)
        expect([
          nameOf(one),
          packets.includes(after ?? 'CLOSED') || packets.includes(one.after ?? 'CLOSED'),
        ]).toEqual([nameOf(one), true]);
    }
    const definite = cells.filter(({ witnesses }) => witnesses.packets.length === 1);
    expect(definite.length).toBeGreaterThan(cells.length / 2);
  });

  it('is contradicted by no kernel event', () => {
    for (const one of cells) {
      const states = one.witnesses['kernel-events'];
      if (states.length > 0)
        expect([nameOf(one), states]).toEqual([nameOf(one), expect.arrayContaining([one.after])]);
    }
  });
});

describe('a verdict', () => {
  it('is none where the packets or the kernel events rule out what the socket table shows', async () => {
    await using lab = await Lab.open();
    const [trial] = await drive(lab, rowNamed('ESTABLISHED'), [eventNamed('fin')]);
    const judged = (after: State) => judgeTrial(lab.timeline, { ...(trial as Trial), after });
    expect(judged('CLOSE-WAIT')).toMatchObject({ verdict: 'as the RFC', after: 'CLOSE-WAIT' });
    expect(judged('ESTABLISHED')).toMatchObject({
      verdict: 'not seen',
      because: 'the socket table shows ESTABLISHED, and the packets CLOSE-WAIT',
    });
  });

  it('differs when the answer is withheld', async () => {
    const words = async (withheld: boolean) => {
      await using lab = await Lab.open();
      if (withheld) await lab.server.setRule({ hook: 'out', flags: 'S.', fate: 'drop' });
      const [trial] = await drive(lab, rowNamed('LISTEN'), [eventNamed('syn-new')]);
      const { verdict, answer, after } = judgeTrial(lab.timeline, trial as Trial);
      return { verdict, answer, after };
    };
    expect(await words(false)).toEqual({ verdict: 'as the RFC', answer: 'SYN-ACK', after: 'SYN-RECEIVED' });
    expect(await words(true)).toEqual({ verdict: 'differs', answer: 'none', after: 'SYN-RECEIVED' });
  });

  it('follows the kernel: with tcp_rfc1337 an RST does not end TIME-WAIT', async () => {
    const ending = (await matrix('TIME-WAIT', 'rst-exact')).cells[0];
    expect(ending).toMatchObject({ after: 'CLOSED', verdict: 'as the RFC' });
    const setting = ['--sysctl', 'server:net.ipv4.tcp_rfc1337=1'];
    const [staying] = (await matrix('TIME-WAIT', 'rst-exact', ...setting)).cells;
    expect(staying).toMatchObject({ after: 'TIME-WAIT', verdict: 'allowed' });
  });

  it('is not seen where an answer looks like a retransmission', () => {
    const at = (atMs: number, flags: string, ack: number) => ({ atMs, segment: segment(flags, ack) });
    const judged = (...sent: Trial['sent']) => judgeTrial(new Timeline(), trialWith(sent));
    const [fin, again] = [at(100, 'F.', 1), at(302, 'F.', 1)];
    expect(judged(fin)).toMatchObject({ answer: 'none', verdict: 'as the RFC' });
    // 5 ms and more after the event: by the timer.
    expect(judged(fin, { ...again, atMs: 330 })).toMatchObject({ answer: 'none', verdict: 'as the RFC' });
    expect(judged(fin, again)).toMatchObject({ answer: null, verdict: 'not seen' });
    // Too early for the first timer, and too late for an answer: only the kernel's count decides.
    const early = [at(280, 'F.', 1), at(315, 'F.', 1)];
    expect(judged(...early)).toMatchObject({ answer: null, verdict: 'not seen' });
    const counted = { ...trialWith(early), retransmitted: 1 };
    expect(judgeTrial(new Timeline(), counted)).toMatchObject({ answer: 'none', verdict: 'as the RFC' });
    // It acknowledges more than before.
    expect(judged(fin, at(330, 'F.', 11))).toMatchObject({ answer: null, verdict: 'not seen' });
    expect(judgeTrial(new Timeline(), { ...trialWith([fin]), readMs: 31_000 }).verdict).toBe('not seen');
    expect(judgeTrial(new Timeline(), { ...trialWith([fin]), arrivedMs: undefined }).verdict).toBe(
      'not seen',
    );
    // Too early for a timer.
    expect(judged(at(295, 'F.', 1), again)).toMatchObject({ answer: 'FIN', verdict: 'differs' });
  });
});

describe('the command', () => {
  it('drives a cell by its name, over IPv6 too', async () => {
    const { cells, family } = await matrix('fin-wait-2', 'rst-win', '--ipv6');
    expect(family).toBe('ipv6');
    expect(cells).toHaveLength(1);
    expect(cells[0]).toMatchObject({
      state: 'FIN-WAIT-2',
      event: 'rst-win',
      answer: 'ACK',
      after: 'FIN-WAIT-2',
    });
  });

  it('reports that IPv6 has no protocol unreachable', async () => {
    const { cells } = await matrix('ESTABLISHED', '--event', 'icmp-proto', '--event', 'icmp-hard', '--ipv6');
    expect(cells.map(({ verdict }) => verdict)).toEqual(['allowed', 'not seen']);
  });

  it('writes JUnit and TAP', async () => {
    const folder = temporaryFolder();
    const [junit, tap] = [join(folder, 'matrix.xml'), join(folder, 'matrix.tap')];
    const args = [
      'matrix',
      '--state',
      'CLOSING',
      '--event',
      'rst-old',
      '--event',
      'fin',
      '--junit',
      junit,
      '--tap',
      tap,
    ];
    const { status, stdout } = await tcplabHere(...args);
    expect([status, stdout]).toEqual([0, expect.stringContaining('1 differs')]);
    expect(readFileSync(junit, 'utf8')).toMatch(/tests="2" failures="0" errors="0".*skipped="1"/);
    expect(readFileSync(tap, 'utf8')).toMatch(
      /^TAP version 14\n1\.\.2\nok 1 - CLOSING fin\nok 2 - .*# SKIP differs\n/,
    );
  });

  it.each([
    [['ESTABLISHD'], /unknown state 'ESTABLISHD'\n.*did you mean ESTABLISHED/],
    [['CLOSING', 'rst'], /unknown event 'rst'\n.*did you mean rst-exact/],
  ])('rejects %j', async (args, text) => {
    const { status, stderr } = await tcplabHere('matrix', ...args);
    expect([status, stderr]).toEqual([2, expect.stringMatching(text)]);
  });
});

function segment(flags: string, ack: number): Segment {
  const [source, destination] = [
    { address: '10.0.0.2', port: 80 },
    { address: '10.0.0.1', port: 5000 },
  ];
  return {
    source,
    destination,
    seq: sequenceNumber(7),
    ack: sequenceNumber(ack),
    flags,
    window: 100,
    length: 0,
  };
}

/** An ACK that acknowledges nothing arrives in FIN-WAIT-1 at 300 ms. */
function trialWith(sent: Trial['sent']): Trial {
  const zero = sequenceNumber(0);
  const { source: server, destination: client } = segment('F.', 1);
  return {
    ...{ row: rowNamed('FIN-WAIT-1'), event: eventNamed('ack-una'), connection: { client, server } },
    numbers: { isn: zero, pn: zero, sn: zero, su: zero },
    ...{ sent, lastPacket: undefined, arrivedMs: 300, fired: { fromMs: 300, call: null } },
    ...{ error: null, after: 'FIN-WAIT-1', readMs: 420, retransmitted: 0 },
  };
}
