import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseLesson } from '../src/lesson/parse.ts';
import { needRoot, REPOSITORY, TCPLAB, tcplabAsOrdinaryUser } from './cli.ts';
import { LessonLab } from './lesson-lab.ts';

const FOLDER = join(REPOSITORY, 'lessons');
const LESSONS = readdirSync(FOLDER)
  .sort()
  .map((file) => parseLesson(readFileSync(join(FOLDER, file), 'utf8'), `lessons/${file}`));

describe.each([
  ['as root', false],
  ['as an ordinary user', true],
] as const)('each lesson is done in the way that its last hint shows, %s', (_, isOrdinary) => {
  it.each(LESSONS)('$name', { timeout: 90_000 }, async (lesson) => {
    const tcplab = isOrdinary ? tcplabAsOrdinaryUser() : TCPLAB;
    await using lab = new LessonLab(['--lesson', lesson.name], tcplab);
    for (const [index, { goal, solution }] of lesson.steps.entries()) {
      await lab.until(new RegExp(`Step ${index + 1}: `));
      for (const line of solution) await lab.type(line);
      if (goal.kind === 'question') lab.tell(goal.answers[0] ?? '');
      await lab.until(new RegExp(`Step ${index + 1} is done: `));
    }
    await lab.until(/All \d+ steps are done/);
    expect(await lab.end()).toBe(0);
  });
});
void needRoot;
