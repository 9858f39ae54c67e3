import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { flawOfLine } from '../src/evidence/line-shapes.ts';
import { eventually, REPOSITORY, run, TCPLAB, tcplabHere, temporaryFolder } from './cli.ts';
import { LessonLab } from './lesson-lab.ts';

const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(
  JSON.parse(readFileSync(join(REPOSITORY, 'schema/grade.schema.json'), 'utf8')),
);

describe('tcplab lab --lesson', () => {
  it('lists the lessons that come with tcplab', async () => {
    const { status, stdout } = await tcplabHere('lab', '--lesson');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^close-wait +CLOSE-WAIT: a program that does not close$/m);
    expect(stdout.trim().split('\n').length).toBeGreaterThanOrEqual(21);
  });

  it.each([
    [['--lesson', 'close-wiat'], /no lesson is called 'close-wiat'/, /close-wait/],
    [['--lesson', './missing.md'], /cannot read \.\/missing\.md/, /^/],
    [['--lesson', 'listen', '--watch'], /--watch can't be combined with --lesson/, /remove --watch/],
    [['--record', 'r.ndjson'], /--record requires --lesson/, /--lesson close-wait --record r\.ndjson/],
    [['--csv'], /--csv requires --grade/, /--grade FILE --csv/],
    [['--grade', 'missing.ndjson'], /cannot read missing\.ndjson/, /--record FILE/],
    [['--grade', 'x', '--csv', '--json'], /--csv can't be combined with --json/, /choose one/],
  ])('%j is refused, with what to do', async (args, says, hint) => {
    const { status, stderr } = await tcplabHere('lab', ...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(says);
    expect(stderr).toMatch(hint);
  });
});

describe('a record', { timeout: 60_000 }, () => {
  it('is graded as a table, as JSON and as CSV, and an own lesson from its file', async () => {
    const folder = temporaryFolder();
    const lesson = join(folder, 'own.md');
    writeFileSync(
      lesson,
      '# An own one\n\n## One\n\n```yaml step\nquestion: What?\nanswers: [this, "=1+1"]\nhints: [Try.]\n```\n\n' +
        '## Two\n\n```yaml step\nserver: LISTEN\n```\n',
    );
    const record = join(folder, '=a,b.ndjson');
    const lab = new LessonLab(['--lesson', lesson, '--record', record]);
    await lab.until(/Step 1: One/);
    lab.tell('hint');
    await lab.until(/Hint: Try\./);
    lab.tell('This ');
    await lab.until(/Step 1 is done: answered: This/);
    await lab.until(/Not yet: no socket of the server listens yet/);
    expect(await lab.end()).toBe(1);
    await eventually('the record', () => readFileSync(record, 'utf8').includes('run-ended'));
    for (const line of readFileSync(record, 'utf8').trim().split('\n'))
      expect(flawOfLine(JSON.parse(line)), line).toBeUndefined();

    const grade = (...options: string[]) =>
      run([...TCPLAB, 'lab', '--lesson', lesson, '--grade', record, ...options]);
    const table = await grade();
    expect(table.status).toBe(1);
    expect(table.stdout).toMatch(/own +1 of 2, 1 hint\n/);
    expect(table.stdout.replaceAll(/\s+/g, ' ')).toContain(
      'step 2 (Two): no socket of the server listens yet',
    );
    const json = JSON.parse((await grade('--json')).stdout) as { records: { grade: { steps: unknown[] } }[] };
    expect(validate(json), JSON.stringify(validate.errors)).toBe(true);
    expect(json.records[0]?.grade.steps).toMatchObject([{ isDone: true }, { isDone: false, found: null }]);
    const csv = (await grade('--csv')).stdout.split('\r\n');
    expect(csv[0]).toBe('file,lesson,started,done,steps,hints,remark');
    expect(csv[1]).toMatch(/b\.ndjson",own,20.*,1,2,1,step 2 \(Two\): no socket/);
    expect(csv[1]?.startsWith('"')).toBe(true);

    // With another text, its steps are checked again, and the table says so.
    writeFileSync(lesson, readFileSync(lesson, 'utf8').replace('[this, "=1+1"]', '[that]'));
    const changed = (await grade()).stdout.replaceAll(/\s+/g, ' ');
    expect(changed).toMatch(/own 0 of 2.*'This' is not the answer.*had another text/);
    // A record of something else.
    const saved = join(folder, 'run.ndjson');
    await tcplabHere('run', 'listen', '--timeline', saved);
    const other = await run([...TCPLAB, 'lab', '--grade', saved]);
    expect(other).toMatchObject({ status: 1, stdout: expect.stringContaining('no lesson was done in it') });
  });
});
