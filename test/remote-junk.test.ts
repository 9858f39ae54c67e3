import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type Outcome, Program, TCPLAB, temporaryFolder } from './cli.ts';
import { rulesOf, TwoMachines } from './two-machines.ts';

/** Remote ends that say what no agent says, too much of it, or nothing. */

const folder = temporaryFolder();
const GREETING = JSON.stringify({
  tcplab: 'tcplab.agent/2',
  version: '0.1.0',
  machine: { kernel: '6.1.0', arch: 'x64', node: 'v20.19.0' },
  privilege: 'root',
  network: 'a b',
});
let scripts = 0;

/** Runs `clean` on a host whose agent is this shell script, within 200 MB. */
async function cleanOn(script: string): Promise<Outcome> {
  const file = join(folder, `${++scripts}.sh`);
  writeFileSync(file, script);
  const program = new Program([...TCPLAB, 'clean', `exec:sh ${file}`], {
    NODE_OPTIONS: '--max-old-space-size=200',
  });
  const outcome = await program.ended;
  await eventually('the remote end to be gone', () => program.offspring().length === 0);
  return outcome;
}

/** Greets, and answers each call with these lines; N is the number of the call. */
function answering(...lines: string[]): string {
  const answers = lines.map((line) => `printf '%s\\n' '${line}' | sed "s/\\"N\\"/$n/"`).join('\n');
  const isCall = `case $call in '{"id":'*) n=$((n + 1)) ;; *) continue ;; esac`;
  return `echo '${GREETING}'\nn=0\nwhile read -r call; do ${isCall}\n${answers}\ndone\n`;
}

function expectOneSentence({ status, stdout, stderr }: Outcome, sentence: RegExp): void {
  expect(stderr).toMatch(sentence);
  expect(stderr).not.toMatch(/\n {4}at |internal error/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not come.
  expect(stderr).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/);
  expect({ status, stdout }).toEqual({ status: expect.any(Number), stdout: '' });
  expect(status).toBeGreaterThan(0);
}

describe.concurrent('a remote end that sends invalid messages ends with one sentence', {
  timeout: 180_000,
}, () => {
  const deep = (text: string) => `${'['.repeat(100_000)}${text}${']'.repeat(100_000)}`;

  it.each<[what: string, lines: string[], sentence: RegExp]>([
    ['null', ['null'], /invalid message from exec:.*: expected an answer or an event/],
    ['a number', ['7'], /expected an answer or an event/],
    ['an empty object', ['{}'], /expected an answer or an event/],
    ['a result of null', ['{"id":"N","result":null}'], /the result of clock: expected an object, found null/],
    ['no result', ['{"id":"N"}'], /the result of clock: expected an object, found nothing/],
    [
      'a result of another shape',
      ['{"id":"N","result":{"atMs":"now","dayMs":1}}'],
      /atMs: expected a number, found "now"/,
    ],
    ['an error of null', ['{"id":"N","error":null}'], /error: expected an object, found null/],
    ['an error without a message', ['{"id":"N","error":{"code":"USAGE"}}'], /error\.message is missing/],
    ['an answer to no call', ['{"id":99,"result":{}}'], /id: found 99, which no call has/],
    [
      'an event that is none',
      ['{"host":1,"event":{"type":"sung","atMs":1}}'],
      /unknown event type: found "sung"/,
    ],
    ['an event without a time', ['{"host":1,"event":null}'], /event: expected one with atMs/],
    ['a loader of null', ['{"loader":null}'], /loader: expected an object, found null/],
    ['another greeting', ['{"tcplab":"tcplab.agent/2"}'], /version is missing/],
  ])('%s', async (_, lines, sentence) => {
    expectOneSentence(await cleanOn(answering(...lines)), sentence);
  });

  it('nested 100000 deep', async () => {
    const line = join(folder, 'deep');
    writeFileSync(line, `{"id":${deep('')}}\n`);
    expectOneSentence(
      await cleanOn(`echo '${GREETING}'\ncat ${line}\nexec cat > /dev/null\n`),
      /id: found a list of 1/,
    );
    writeFileSync(line, `{"id":1,"result":${deep('')}}\n`);
    const answer = `case $call in '{"id":'*) cat ${line} ;; esac`;
    const script = `echo '${GREETING}'\nwhile read -r call; do ${answer}; done\n`;
    expectOneSentence(await cleanOn(script), /the result of clock: expected an object, found a list of 1/);
  });

  it.each([
    ['before it greets', ''],
    ['after it has greeted', `echo '${GREETING}'`],
  ])('without a line end, %s', async (_, greet) => {
    expectOneSentence(await cleanOn(`${greet}\nexec cat /dev/zero\n`), /found 16 MiB without a line end/);
  });

  it('lines without end that are no answers, after it has greeted', async () => {
    expectOneSentence(
      await cleanOn(`echo '${GREETING}'\nexec yes no\n`),
      /no response from exec:.* for 10 s/,
    );
  });
});

describe.concurrent("what a remote end says can't steer the terminal", { timeout: 180_000 }, () => {
  const steering =
    "printf 'Error: \\033]0;title\\007\\033[2J\\033[31m red \\302\\233 \\342\\200\\256 end\\n'";
  const harmless = /Error: \\x1b\]0;title\\x07\\x1b\[2J\\x1b\[31m red \\x9b \\u202e end/;

  it('in its last words', async () => {
    expectOneSentence(await cleanOn(`${steering} >&2\nexit 1\n`), harmless);
    expectOneSentence(await cleanOn(`${steering}\nexit 1\n`), harmless);
  });

  it('in the message of an error', async () => {
    const line = String.raw`{"id":"N","error":{"code":"SYSTEM","message":"\u001b[2Jm\u009b","hint":"\u202eh"}}`;
    expectOneSentence(await cleanOn(answering(line)), /^tcplab: \\x1b\[2Jm\\x9b\n {2}\\u202eh\n$/);
  });

  it('in the version that it greets with', async () => {
    const line = String.raw`{"tcplab":"tcplab.agent/9\u001b[2J","version":"\u009b9"}`;
    expectOneSentence(
      await cleanOn(`printf '%s\\n' '${line}'\nexec cat > /dev/null\n`),
      /uses tcplab\.agent\/9\\x1b\[2J/,
    );
  });
});

describe('agents that are stopped', { timeout: 180_000 }, () => {
  let machines: TwoMachines;

  beforeAll(async () => {
    machines = await TwoMachines.create();
  });

  afterAll(() => machines?.end());

  it('both at once: tcplab ends with a sentence within its patience, and their watchdogs undo all', async () => {
    const { client, server } = machines.places;
    const program = machines.start('hold', 'fin-wait-1', '--client', client, '--server', server);
    await program.until(/ in FIN-WAIT-1, reached in /);
    const agents = program
      .offspring()
      .filter((pid) => /main\.js\0agent\0/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')));
    expect(agents).toHaveLength(2);
    const startMs = performance.now();
    for (const pid of agents) process.kill(pid, 'SIGSTOP');
    const { status, stderr } = await program.ended;
    expect(performance.now() - startMs).toBeLessThan(25_000);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(
        /^tcplab: (no response from pid:\d+ for 10 s|lost the connection to pid:\d+: killed by SIGKILL)\n {2}.*watchdog.*\n$/,
      ),
    });
    await eventually('the agents and watchdogs to be gone', () => program.offspring().length === 0);
    expect(rulesOf(machines.a) + rulesOf(machines.b)).toBe('');
  });
});
