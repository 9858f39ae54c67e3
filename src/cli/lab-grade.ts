import { accessSync, constants } from 'node:fs';
import { TcplabError } from '../error.ts';
import { Timeline } from '../evidence/timeline.ts';
import { reasonOf } from '../kernel/system-error.ts';
import { gradeOf, lessonIn } from '../lesson/grade.ts';
import { readTimeline } from '../report/files/timeline/read.ts';
import {
  formatGrades,
  GRADE_FORMAT,
  type GradedRecord,
  type GradeReport,
  gradesAsCsv,
} from '../report/terminal/grade-report.ts';
import { styleFor } from '../report/terminal/style.ts';
import { EXIT } from './exit.ts';
import { readInput } from './input-file.ts';
import { lessonNamed } from './lesson-files.ts';

interface Options {
  lesson?: string | true;
  json?: boolean;
  csv?: boolean;
}

/** Grades records, each by its evidence alone. `--lesson` names the lesson if it is not one that comes with tcplab. */
export async function grade(files: readonly string[], { lesson, json, csv }: Options): Promise<void> {
  const given = typeof lesson === 'string' ? await lessonNamed(lesson) : undefined;
  const records: GradedRecord[] = [];
  for (const file of files) records.push(await gradeFile(file, given));
  const report: GradeReport = { format: GRADE_FORMAT, records };
  const layout = { style: styleFor(process.stdout), columns: process.stdout.columns || 80 };
  const text = json
    ? `${JSON.stringify(report)}\n`
    : csv
      ? gradesAsCsv(report)
      : formatGrades(report, layout);
  process.stdout.write(text);
  const isComplete = records.every(({ grade }) => grade?.steps.every(({ isDone }) => isDone));
  process.exitCode = isComplete ? EXIT.proven : EXIT.notProven;
}

/** A record that can't be read, or contradicts itself, is refused by itself: the others of a class still count. */
async function gradeFile(
  file: string,
  given: Awaited<ReturnType<typeof lessonNamed>> | undefined,
): Promise<GradedRecord> {
  mustBeReadable(file);
  try {
    const timelines: Timeline[] = [];
    for await (const piece of readTimeline(readInput(file), file))
      if (piece instanceof Timeline) timelines.push(piece);
    const [timeline] = timelines;
    const name = timeline && lessonIn(timeline);
    if (!timeline || name === undefined) {
      return {
        file,
        grade: null,
        refused: 'no lesson was done in it: `tcplab lab --lesson NAME --record FILE` makes a record',
      };
    }
    if (given && given.name !== name)
      return { file, grade: null, refused: `it is a record of the lesson ${name}, and not of ${given.name}` };
    return { file, grade: gradeOf(timeline, given ?? (await lessonNamed(name))), refused: null };
  } catch (error) {
    if (!(error instanceof TcplabError) || error.code !== 'USAGE') throw error;
    return { file, grade: null, refused: error.message };
  }
}

function mustBeReadable(file: string): void {
  if (file === '-') return;
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    throw new TcplabError('USAGE', `cannot read ${file}: ${reasonOf(error)}`, {
      hint: '`tcplab lab --lesson NAME --record FILE` makes a record',
    });
  }
}
