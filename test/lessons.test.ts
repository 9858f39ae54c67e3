import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseLesson } from '../src/lesson/parse.ts';
import { REPOSITORY, run, TCPLAB, tcplabAsOrdinaryUser, temporaryFolder } from './cli.ts';
import { LessonLab } from './lesson-lab.ts';

const FOLDER = join(REPOSITORY, 'lessons');
const LESSONS = readdirSync(FOLDER)
  .sort()
  .map((file) => parseLesson(readFileSync(join(FOLDER, file), 'utf8'), `lessons/${file}`));

describe.each([
  ['as root', false],
  ['as an ordinary user', true],
] as const)('each lesson is done in the way that its last hint shows, %s', (_, isOrdinary) => {
  let ordinary: string[] | undefined;

  it.each(LESSONS)('$name', { timeout: 120_000 }, async (lesson) => {
    if (isOrdinary) ordinary ??= tcplabAsOrdinaryUser();
    const tcplab = ordinary ?? TCPLAB;
    const record = join(temporaryFolder(), `${lesson.name}.ndjson`);
    await using lab = new LessonLab(['--lesson', lesson.name, '--record', '/dev/stderr'], tcplab);
    await lab.do(lesson);
    expect(await lab.end()).toBe(0);
    lab.saveRecord(record);
    const { status, stdout } = await run([...TCPLAB, 'lab', '--grade', record, '--json']);
    expect(JSON.parse(stdout).records[0].grade.steps).toEqual(
      lesson.steps.map(({ title }) => expect.objectContaining({ title, isDone: true })),
    );
    expect(status).toBe(0);
  });
});
