import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TypedLine } from '../src/lesson/lesson.ts';
import { parseLesson } from '../src/lesson/parse.ts';
import { REPOSITORY, run, TCPLAB, temporaryFolder } from './cli.ts';
import { LessonLab } from './lesson-lab.ts';

interface WrongWay {
  lesson: string;
  /** From 1; the steps before are done right. */
  step: number;
  what: string;
  /** As `server/nc: nc -lvn 80`, in the order in which they are typed. */
  lines: string[];
  says: RegExp;
}

const SERVE = 'server/nc: nc -lvn 80';
const CONNECT = 'client/nc: nc 192.168.2.11 80';
const CONNECT_N = 'client/nc: nc -N 192.168.2.11 80';
const DROP_TO_SERVER = 'server: iptables -A INPUT -p tcp --dport 80 -j DROP';
const DROP_FROM_SERVER = 'client: iptables -A INPUT -p tcp --sport 80 -j DROP';
const STOP = 'server/nc: Ctrl-Z';

const WRONG_WAYS: WrongWay[] = [
  {
    ...{ lesson: 'close-wait', step: 1, what: 'a connection that is never accepted' },
    lines: [SERVE, STOP, CONNECT_N],
    says: /its socket has no process: that is a connection never accepted; the step asks for a program that has it open/,
  },
  {
    ...{ lesson: 'close-wait', step: 2, what: 'a rule that is not needed' },
    lines: ['server: iptables -A INPUT -p tcp --dport 81 -j DROP', STOP, 'client/nc: Ctrl-D'],
    says: /a rule was in force in the server .*; the step asks for a way without rules/,
  },
  {
    ...{ lesson: 'close-wait', step: 2, what: 'a program that closes' },
    lines: ['client/nc: Ctrl-D'],
    says: /now the client in TIME-WAIT and the server in CLOSED; the step asks for .*the server in CLOSE-WAIT/,
  },
  {
    ...{ lesson: 'closing', step: 2, what: 'FIN-WAIT-1' },
    lines: [DROP_TO_SERVER, 'client/nc: Ctrl-D'],
    says: /now the client in FIN-WAIT-1.*CLOSING needs both FINs/,
  },
  {
    ...{ lesson: 'closing', step: 2, what: 'LAST-ACK' },
    lines: [DROP_FROM_SERVER, 'client/nc: Ctrl-D'],
    says: /now the client in FIN-WAIT-1 and the server in LAST-ACK; the step asks for the client in CLOSING/,
  },
  {
    ...{ lesson: 'last-ack', step: 2, what: 'CLOSE-WAIT' },
    lines: [STOP, 'client/nc: Ctrl-C'],
    says: /the server in CLOSE-WAIT; the step asks for.*its program has not closed yet/,
  },
  {
    ...{ lesson: 'last-ack', step: 2, what: 'an end that closed first' },
    lines: [DROP_FROM_SERVER, 'server/nc: Ctrl-C'],
    says: /the server in FIN-WAIT-1; the step asks for.*it closed first/,
  },
  {
    ...{ lesson: 'fin-wait-1', step: 2, what: 'FIN-WAIT-2' },
    lines: [STOP, 'client/nc: Ctrl-C'],
    says: /now the client in FIN-WAIT-2 .*the ACK of its FIN has arrived/,
  },
  {
    ...{ lesson: 'fin-wait-2', step: 1, what: 'an orphan' },
    lines: [SERVE, CONNECT, STOP, 'client/nc: Ctrl-C'],
    says: /the client is in FIN-WAIT-2, but its socket has no process: its program has closed it/,
  },
  {
    ...{ lesson: 'fin-wait-2', step: 1, what: 'FIN-WAIT-1' },
    lines: [SERVE, CONNECT_N, DROP_TO_SERVER, 'client/nc: Ctrl-D'],
    says: /now the client in FIN-WAIT-1 .*the ACK of its FIN has not arrived/,
  },
  {
    ...{ lesson: 'time-wait', step: 1, what: 'the other end' },
    lines: [SERVE, CONNECT, 'server/nc: Ctrl-C', 'client/nc: Ctrl-C'],
    says: /now the client in CLOSED and the server in TIME-WAIT; the step asks for/,
  },
  {
    ...{ lesson: 'time-wait', step: 1, what: 'FIN-WAIT-2' },
    lines: [SERVE, CONNECT, STOP, 'client/nc: Ctrl-C'],
    says: /now the client in FIN-WAIT-2 .*the peer has not closed/,
  },
  {
    ...{ lesson: 'syn-sent', step: 1, what: 'a client that gives up too soon' },
    lines: [SERVE, DROP_TO_SERVER, 'client: nc -w 1 192.168.2.11 80'],
    says: /only for [01]\.\d s; the step asks for 2\.0 s/,
  },
  {
    ...{ lesson: 'syn-received', step: 1, what: 'a handshake that completes' },
    lines: [SERVE, CONNECT],
    says: /now the client in ESTABLISHED and the server in ESTABLISHED.*the last ACK of the handshake has arrived/,
  },
  {
    ...{ lesson: 'established', step: 1, what: 'a connection that is never accepted' },
    lines: [SERVE, STOP, CONNECT],
    says: /the server is in ESTABLISHED, but its socket has no process: that is a connection never accepted/,
  },
  {
    ...{ lesson: 'never-accepted', step: 1, what: 'a program that has accepted and stopped' },
    lines: [SERVE, CONNECT_N, STOP, 'client/nc: Ctrl-D'],
    says: /the server has accepted the connection; the step asks for a connection that the program never accepted/,
  },
  {
    ...{ lesson: 'accept-queue-full', step: 1, what: 'a SYN that a rule drops' },
    lines: [SERVE, DROP_TO_SERVER, CONNECT],
    says: /the accept queue of the server is not full; the step asks for a full accept queue/,
  },
  {
    ...{ lesson: 'zero-window', step: 1, what: 'a connection on which nothing is sent' },
    lines: [SERVE, STOP, CONNECT],
    says: /the persist timer of the client does not run; the step asks for window probes/,
  },
  {
    ...{ lesson: 'half-open', step: 2, what: 'a crash that the server hears of' },
    lines: ['client: ss -Ktn dst 192.168.2.11'],
    says: /now the client in CLOSED and the server in CLOSED; the step asks for.*the server in ESTABLISHED/,
  },
  {
    ...{ lesson: 'half-open', step: 2, what: 'a client that closes' },
    lines: [DROP_TO_SERVER, 'client/nc: Ctrl-C'],
    says: /now the client in FIN-WAIT-1 and the server in ESTABLISHED; the step asks for the client in CLOSED/,
  },
  {
    ...{ lesson: 'port-reuse', step: 2, what: 'another port' },
    lines: [SERVE, CONNECT],
    says: /the server was not in TIME-WAIT before; the step asks for a port that was in TIME-WAIT/,
  },
  {
    ...{ lesson: 'simultaneous-open', step: 1, what: 'a listener that answers' },
    lines: [SERVE, DROP_FROM_SERVER, 'client/nc: nc -p 4000 192.168.2.11 80'],
    says: /now the client in SYN-SENT and the server in SYN-RECEIVED; the step asks for the client in SYN-RECEIVED/,
  },
  {
    ...{ lesson: 'refused', step: 1, what: 'a port with a listener' },
    lines: [SERVE, CONNECT],
    says: /the client went from SYN-SENT to ESTABLISHED; the step asks for SYN-SENT → CLOSED by RST/,
  },
  {
    ...{ lesson: 'keepalive', step: 1, what: 'another program' },
    lines: [SERVE, CONNECT],
    says: /the socket of the server belongs to nc; the step asks for python3/,
  },
  {
    ...{ lesson: 'keepalive', step: 2, what: 'a client that is killed' },
    lines: ['client: ss -Ktn dst 192.168.2.11'],
    says: /the server went from ESTABLISHED to CLOSED by RST; the step asks for ESTABLISHED → CLOSED by keepalive/,
  },
];

function typed(line: string): TypedLine {
  const [, host, terminal = null, text = ''] = /^(client|server)(?:\/(\w+))?: (.*)$/.exec(line) ?? [];
  return { host: host as TypedLine['host'], terminal, text };
}

async function goWrong({ lesson: name, step, lines, says }: WrongWay): Promise<string> {
  const path = join(REPOSITORY, 'lessons', `${name}.md`);
  const lesson = parseLesson(readFileSync(path, 'utf8'), path);
  await using lab = new LessonLab(['--lesson', name, '--record', '/dev/stderr']);
  await lab.do(lesson, step - 1);
  await lab.until(new RegExp(`Step ${step}: `));
  for (const line of lines) await lab.type(typed(line));
  await lab.until(says);
  expect(await lab.end()).toBe(1);
  expect(lab.stdout).not.toContain(`Step ${step} is done`);
  return lab.stderr;
}

async function graded(record: string): Promise<{ status: number; stdout: string; stderr: string }> {
  const path = join(temporaryFolder(), 'record.ndjson');
  writeFileSync(path, record);
  const { status, stdout, stderr } = await run([...TCPLAB, 'lab', '--grade', path]);
  // As if the terminal were wider.
  return { status, stdout: stdout.replaceAll(/\s+/g, ' '), stderr };
}

describe('a way that only looks right is refused, with the reason', () => {
  it.each(WRONG_WAYS)('$lesson, step $step: $what', { timeout: 120_000 }, async (way) => {
    const record = await goWrong(way);
    const { status, stdout } = await graded(record);
    expect(status).toBe(1);
    expect(stdout).toMatch(new RegExp(`${way.lesson} +${way.step - 1} of `));
  });
});

describe('a record that was changed', { timeout: 120_000 }, () => {
  const inCloseWait = WRONG_WAYS.find(({ lesson, what }) => lesson === 'last-ack' && what === 'CLOSE-WAIT');

  it('with LAST-ACK in place of CLOSE-WAIT in the socket table is refused by the packets', async () => {
    // Long enough for the step.
    const way = inCloseWait as WrongWay;
    const record = await goWrong({ ...way, lines: [...way.lines, 'client: sleep 3'] });
    expect((await graded(record)).stdout).toMatch(/its program has not closed yet/);
    const doctored = record
      .replaceAll('"state":"CLOSE-WAIT"', '"state":"LAST-ACK"')
      .replaceAll('"state":"FIN-WAIT-2"', '"state":"FIN-WAIT-1"');
    expect(doctored).not.toBe(record);
    const { status, stdout } = await graded(doctored);
    expect(status).toBe(1);
    expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(
      /1 of 3 step 2 .*can't be confirmed.*packets: saw (CLOSE-WAIT, not LAST-ACK|FIN-WAIT-2, not FIN-WAIT-1)/,
    );
    // Of a segment, the header is in the bytes as well.
    const contradicting = await graded(record.replace('"flags":"F."', '"flags":"R."'));
    expect(contradicting.stdout).toMatch(/refused .*wire\.segment\.flags: expected "F\."/);
    // Without its end it is not whole.
    const cut = await graded(record.slice(0, record.length / 2));
    expect(cut).toMatchObject({ status: 1, stdout: expect.stringContaining('refused') });
  });
});

it('an answer that is wrong is refused, and a right one is accepted in any spelling', {
  timeout: 60_000,
}, async () => {
  await using lab = new LessonLab(['--lesson', 'listen']);
  await lab.until(/Step 1: /);
  lab.tell('hint');
  await lab.until(/Hint: /);
  lab.tell('hint');
  await lab.until(/server\/nc {2}nc -lvn 80/);
  await lab.type(typed(SERVE));
  await lab.until(/Step 2: /);
  lab.tell('127.0.0.1:80');
  await lab.until(/Not yet: '127\.0\.0\.1:80' is not the answer/);
  lab.tell('0.0.0.0:*');
  await lab.until(/All 2 steps are done/);
  expect(await lab.end()).toBe(0);
});
