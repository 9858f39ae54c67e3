import { setTimeout as pause } from 'node:timers/promises';
import type { Lab } from '../lab/lab.ts';
import { LabWatch } from '../lab/lab-watch.ts';
import type { Lesson } from '../lesson/lesson.ts';
import { wrapBeside } from '../report/terminal/layout.ts';
import { EXIT } from './exit.ts';
import { shippedLessons } from './lesson-files.ts';
import { LessonGuide } from './lesson-guide.ts';

const LOOK_EVERY_MS = 100;

/** Leads through a lesson in a lab that is open, until the lab is over. Gives the exit status. */
export async function doLesson(lab: Lab, lesson: Lesson, over: Promise<unknown>): Promise<number> {
  let isOver = false;
  const ended = over.then(() => {
    isOver = true;
  });
  const print = (...lines: string[]) => process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  const watch = new LabWatch(lab);
  const { timeline } = watch;
  const nowMs = () => lab.nowMs();
  const guide = new LessonGuide({ lesson, timeline, nowMs, print, stream: process.stdout });
  guide.begin();
  while (!isOver) {
    await watch.look();
    const { atMs, unseen } = watch.looks;
    guide.look(atMs, unseen ?? []);
    await Promise.race([ended, pause(LOOK_EVERY_MS)]);
  }
  guide.close();
  watch.end();
  return guide.isDone ? EXIT.proven : EXIT.notProven;
}

/** The lessons that come with tcplab, each with its title. */
export async function listLessons(): Promise<void> {
  const lessons = await shippedLessons();
  const width = Math.max(...lessons.map(({ name }) => name.length)) + 2;
  const columns = process.stdout.columns || 80;
  const lines = lessons.flatMap(({ name, title }) => wrapBeside(name.padEnd(width), title, columns));
  process.stdout.write(`${lines.join('\n')}\n`);
}
