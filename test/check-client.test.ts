import { afterAll, describe, expect, it } from 'vitest';
import { CLIENT_PROBES } from '../src/check/catalogue.ts';
import type { CheckReport } from '../src/report/terminal/check-report.ts';
import { allLiving, REPOSITORY, tcplab } from './cli.ts';

/** Each test of a client can fail and can pass: for each there is a program that does it badly, and one that does it well. */

const program = (file: string, words: string[]) =>
  `exec ${process.execPath} ${REPOSITORY}test/programs/${file} ${words.join(' ')}`;
const client = (...words: string[]) => program('client.mjs', ['{server} {port}', ...words]);
const named = (...words: string[]) => program('client.mjs', ['{name} {port}', ...words]);
const http = (...words: string[]) => program('http-client.mjs', ['{server} {port}', ...words]);

/** No checked program is left. */
afterAll(() => expect(allLiving()).toEqual([]));

async function check(ids: string[], command: string, ...options: string[]) {
  const { status, stdout, stderr } = await tcplab(
    ...['check', 'client', '--only', ...ids, '--json', ...options, '--', command],
  );
  expect({ status, stderr, reports: stdout !== '' }).toEqual({ status, stderr: '', reports: true });
  const report = JSON.parse(stdout) as CheckReport;
  expect(report.probes.map(({ id }) => id)).toEqual(ids);
  return { status, probes: report.probes };
}

type Verdict = 'good' | 'risk' | 'fault' | 'unknown';
type Case = [id: string, verdict: Verdict, code: string, command: string, says: RegExp, within?: string];

/** What is found by waiting is waited for no longer than it takes; all else may take as long as a busy machine needs. */
const WAITED = '1s';

/** Of a protocol that tcplab does not speak. */
const STRANGER = `exec python3 -c "import socket, sys
peer = socket.create_connection(('{server}', {port}))
peer.sendall(b'AUTH')
peer.recv(100)
sys.exit('bad greeting')"`;

const CASES: Case[] = [
  ['is-served', 'good', 'served', client(), /^exited with status 0 after .* \(1 connection\)/],
  [
    'is-served',
    'good',
    'keeps-running',
    http('stays'),
    /^keeps running \(1 connection, 1 still open\)/,
    WAITED,
  ],
  [
    'is-served',
    'unknown',
    'not-understood',
    client('stays'),
    /^keeps running .*; does it understand the response\?/,
    WAITED,
  ],
  ['is-served', 'good', 'served', http('four'), /\(4 connections\)/],
  ['is-served', 'good', 'served', http('twice'), /\(1 connection\)/],
  ['is-served', 'good', 'served', http('twice', 'close'), /\(2 connections\)/],
  ['is-served', 'good', 'served', http('http10'), /status 0/],
  ['is-served', 'good', 'served', http('head'), /status 0/],
  ['is-served', 'good', 'served', http('upload'), /status 0/],
  [
    'is-served',
    'unknown',
    'not-understood',
    STRANGER,
    /^the client exited with status 1: bad greeting; does it understand the response\?/,
  ],
  [
    'is-served',
    'unknown',
    'not-understood',
    'openssl s_client -connect {server}:{port} </dev/null',
    /it speaks TLS: use --tls/,
  ],
  ['syn-dropped', 'good', 'reported', client('deadline'), /^exited with status 1 after .*\(1 attempt\)/],
  ['syn-dropped', 'risk', 'reported-success', client('deadline', 'careless'), /reports success/],
  [
    'syn-dropped',
    'unknown',
    'still-waiting',
    client(),
    /^still in SYN-SENT after 1\.0 s \(1 attempt\); the kernel gives up in about 2 min.*; --within 60s would tell/,
    WAITED,
  ],
  ['refused', 'good', 'reported', client(), /status 1/],
  ['refused', 'good', 'retries', client('again'), /^keeps running and tries again \(2 attempts\)/],
  [
    'refused',
    'unknown',
    'keeps-running',
    client('stays'),
    /^keeps running \(1 attempt\); its kernel removed/,
  ],
  ['refused', 'risk', 'reported-success', client('careless'), /status 0 .*reports success/],
  ['refused', 'risk', 'retry-storm', client('retries'), /^\d\d+ attempts in a row/],
  ['refused', 'fault', 'crashed', client('crashes'), /status 139/],
  ['unreachable', 'good', 'reported', client(), /status 1/],
  ['unreachable', 'risk', 'reported-success', client('careless'), /reports success/],
  ['never-answered', 'good', 'reported', client('deadline'), /status 1/],
  [
    'never-answered',
    'good',
    'closed',
    http('deadline', 'stays'),
    /^closed its connection after .* keeps running/,
  ],
  ['never-answered', 'risk', 'reported-success', client('deadline', 'careless'), /reports success/],
  [
    'never-answered',
    'unknown',
    'still-waiting',
    client(),
    /still in ESTABLISHED.*no TCP timer ends the wait; --within 60s/,
    WAITED,
  ],
  ['closes-before-answer', 'good', 'reported', client(), /status 1/],
  ['closes-before-answer', 'fault', 'reported-success', client('careless'), /reports success/],
  ['closes-before-answer', 'fault', 'close-wait', client('leaks'), /still in CLOSE-WAIT/, WAITED],
  ['resets-in-answer', 'good', 'reported', client(), /status 1/],
  ['resets-in-answer', 'fault', 'reported-success', client('careless'), /reports success/],
  ['vanishes-in-answer', 'good', 'reported', client('deadline'), /status 1/],
  ['vanishes-in-answer', 'fault', 'reported-success', client('deadline', 'careless'), /reports success/],
  [
    'vanishes-in-answer',
    'unknown',
    'still-waiting',
    client(),
    /still in ESTABLISHED.*no kernel timer is running/,
    WAITED,
  ],
  ['never-accepted', 'good', 'reported', client('deadline'), /status 1/],
  ['never-accepted', 'risk', 'reported-success', client('deadline', 'careless'), /reports success/],
  ['never-accepted', 'unknown', 'still-waiting', client(), /still in ESTABLISHED/, WAITED],
  ['stops-reading', 'good', 'reported', client('upload', 'deadline'), /status 1/],
  ['stops-reading', 'risk', 'reported-success', client('upload', 'deadline', 'careless'), /status 0/],
  ['stops-reading', 'unknown', 'still-waiting', client('upload'), /^still waiting at zero window/, WAITED],
  ['stops-reading', 'unknown', 'window-not-filled', client(), /upload is too small/, WAITED],
  [
    'retries',
    'good',
    'recovered',
    client('backoff'),
    /^5 attempts with pauses of .*; connected .* after the server/,
  ],
  ['retries', 'good', 'recovered', client('pool'), /^\d+ attempts .*; connected .* after the server/],
  ['retries', 'good', 'reported', client(), /status 1 .*\(1 attempt\)/],
  ['retries', 'risk', 'retry-storm', client('retries'), /attempts without a pause/],
  ['fin-crosses-request', 'good', 'repeated', http('twice', 'repeats'), /^the GET was repeated on another/],
  ['fin-crosses-request', 'good', 'repeated', http('twice', 'nonce', 'repeats'), /^the GET was repeated on/],
  ['fin-crosses-request', 'good', 'repeated', http('twice', 'head', 'repeats'), /^the HEAD was repeated on/],
  ['fin-crosses-request', 'risk', 'not-repeated', http('twice'), /^the GET got no response .* status 1/],
  ['fin-crosses-request', 'risk', 'sent-twice', http('twice', 'post', 'repeats'), /^the POST was repeated/],
  [
    'fin-crosses-request',
    'good',
    'repeated',
    http('twice', 'post', 'keyed', 'repeats'),
    /^the POST was repe/,
  ],
  [
    'fin-crosses-request',
    'unknown',
    'same-target',
    http('twice', 'post', 'repeats', 'differs'),
    /^another POST to the same target followed; whether it is the lost one can't be seen/,
  ],
  ['fin-crosses-request', 'good', 'reported', http('twice', 'post'), /^the POST got no response .* status 1/],
  ['fin-crosses-request', 'fault', 'reported-success', http('twice', 'careless'), /status 0/],
  [
    'fin-crosses-request',
    'unknown',
    'not-repeated',
    http('twice', 'delete', 'careless'),
    /^the DELETE got no response and was not repeated/,
  ],
  ['fin-crosses-request', 'unknown', 'no-reuse', http('twice', 'close'), /no second request/],
  [
    'pool-dead',
    'good',
    'recovered',
    http('twice', 'deadline', 'repeats'),
    /^opened a new connection .* and was served/,
  ],
  ['pool-dead', 'good', 'reported', http('twice', 'deadline'), /^exited with status 1/],
  ['pool-dead', 'fault', 'reported-success', http('twice', 'deadline', 'careless'), /reports success/],
  [
    'pool-dead',
    'unknown',
    'still-waiting',
    http('twice'),
    /^no new connection was served within 1\.0 s/,
    WAITED,
  ],
  ['pool-dead', 'unknown', 'no-reuse', http(), /no second request/],
  ['first-address-dead', 'good', 'second-address', named('happy'), /\(2 attempts, 1 to the first address\)/],
  [
    'first-address-dead',
    'risk',
    'gave-up',
    named('deadline'),
    /^exited with status 1 after .*\(1 attempt, 1 to/,
  ],
  ['first-address-dead', 'unknown', 'still-waiting', named(), /^not served by the second/, WAITED],
  [
    'first-address-dead',
    'unknown',
    'goes-on',
    named('happy', 'beside', 'stays'),
    /attempts to the first address go on/,
    '4s',
  ],
  ['first-address-dead', 'unknown', 'no-name', client(), /the command has no \{name\}/],
  [
    'first-address-refuses',
    'good',
    'second-address',
    named('happy'),
    /^tried the second address .* and was served/,
  ],
  ['first-address-refuses', 'risk', 'gave-up', named(), /^exited with status 1/],
  ['first-address-refuses', 'fault', 'reported-success', named('careless'), /^exited with status 0/],
  [
    'first-address-unreachable',
    'good',
    'second-address',
    named('happy'),
    /^tried the second address .* and was served/,
  ],
  ['first-address-unreachable', 'risk', 'gave-up', named(), /^exited with status 1/],
  ['leaves-nothing', 'good', 'none-left', client(), /^1 connection, none left open/],
  ['leaves-nothing', 'good', 'none-left', http('four'), /^4 connections, none left open/],
  ['leaves-nothing', 'good', 'pool', http('twice', 'stays'), /; used again/, WAITED],
  [
    'leaves-nothing',
    'risk',
    'left-open',
    client('more'),
    /^5 connections.*[34] were opened while another/,
    WAITED,
  ],
  [
    'leaves-nothing',
    'risk',
    'left-open',
    http('twice', 'leaky', 'stays'),
    /were opened while another/,
    WAITED,
  ],
  ['leaves-nothing', 'unknown', 'idle', client('stays'), /in ESTABLISHED left open after 1\.0 s/, WAITED],
];

// On a busy machine each waits for the others.
describe.concurrent('a client', { timeout: 180_000 }, () => {
  it.each(CASES)('%s: %s, %s (%s)', async (id, verdict, code, command, says, within = '20s') => {
    // What a program that keeps running does with a response of its own protocol is known to be right.
    const answer = id !== 'is-served' && command.includes('/client.mjs') ? ['--answer', 'hello\\n'] : [];
    const { status, probes } = await check([id], command, '--within', within, ...answer);
    const [found] = probes;
    expect({ verdict: found?.verdict, code: found?.code, says: found?.says }).toEqual({
      ...{ verdict, code },
      says: expect.stringMatching(says),
    });
    expect(found?.why === null).toBe(verdict === 'good' || verdict === 'unknown');
    // Alone and unknown, nothing was checked.
    expect(status).toBe({ good: 0, risk: 0, fault: 1, unknown: 3 }[verdict]);
    // The evidence shows what the finding reports.
    if (code !== 'no-name') expect(found?.evidence?.ladder).toMatch(/SYN-SENT|LISTEN/);
  });

  it('that does not understand tcplab is judged by nothing that assumes it', async () => {
    const { status, probes } = await check(['is-served', 'closes-before-answer'], STRANGER);
    expect(probes.map(({ code }) => code)).toEqual(['not-understood', 'not-run']);
    expect(status).toBe(3);
  });

  it('that never connects is not checked, and exits with status 3', async () => {
    const { status, probes } = await check(['is-served', 'refused'], 'echo no route; false');
    expect(probes.map(({ code }) => code)).toEqual(['never-connected', 'not-run']);
    expect(probes[0]?.says).toMatch(/did not try to connect .*; it exited with status 1: no route/);
    expect(status).toBe(3);
  });

  it('that uploads is not taken for one with a pool, however its data are cut into requests', async () => {
    const [found] = (await check(['pool-dead'], client('upload'))).probes;
    expect(found?.verdict).toBe('unknown');
    expect(found?.code).toMatch(/^(not-repeated|no-reuse)$/);
  });

  it('is checked by tests that each pass and fail here', () => {
    // In TLS: check-talk.test.ts.
    for (const { id } of CLIENT_PROBES.slice(1).filter(({ needsTls }) => !needsTls)) {
      const verdicts = CASES.filter(([of]) => of === id).map(([, verdict]) => verdict);
      expect([id, verdicts.includes('good')]).toEqual([id, true]);
      expect([id, verdicts.some((verdict) => verdict === 'fault' || verdict === 'risk')]).toEqual([id, true]);
    }
  });
});
