import { setTimeout as pause } from 'node:timers/promises';
import type { Lab } from '../lab/lab.ts';
import { LabWatch } from '../lab/lab-watch.ts';
import type { Lesson } from '../lesson/lesson.ts';
import { TimelineRecorder } from '../report/files/timeline/recorder.ts';
import { labStarted } from '../report/story/run-started.ts';
import { wrapBeside } from '../report/terminal/layout.ts';
import { EXIT } from './exit.ts';
import { shippedLessons } from './lesson-files.ts';
import { LessonGuide } from './lesson-guide.ts';
import type { OutputFile } from './output-file.ts';
import { WATCHED } from './watch-lab.ts';

/** How often the socket tables are read. */
const LOOK_EVERY_MS = 150;

interface Options {
  lesson: Lesson;
  privilege: string;
  record: OutputFile | undefined;
}

/** Leads through a lesson in a lab that others enter, until the lab is over. Gives the exit status. */
export async function doLesson(lab: Lab, over: Promise<unknown>, options: Options): Promise<number> {
  const { lesson, record } = options;
  const started = labStarted(lab.timeline, options.privilege, WATCHED);
  const recorder = record && new TimelineRecorder(started, lab.timeline, (text) => record.write(text));
  const watch = new LabWatch(lab);
  let isOver = false;
  const ended = over.then(() => {
    isOver = true;
  });
  const guide = new LessonGuide({
    lesson,
    timeline: lab.timeline,
    nowMs: () => lab.nowMs(),
    stream: process.stdout,
  });
  while (!isOver) {
    for (const host of guide.countsOf) await lab.host(host).count();
    await watch.look();
    guide.look(watch.looks);
    await Promise.race([ended, pause(LOOK_EVERY_MS)]);
  }
  await watch.look();
  guide.close();
  watch.end();
  recorder?.end();
  record?.close();
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
