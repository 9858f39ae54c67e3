import type { Grade } from '../../lesson/grade.ts';
import { pad, textWidth, wrapBeside } from './layout.ts';
import type { Style } from './style.ts';

export const GRADE_FORMAT = 'tcplab.grade/1';

/** A record of a lesson, and what its evidence shows. */
export interface GradedRecord {
  file: string;
  /** Null if the record was refused. */
  grade: Grade | null;
  /** Why it was refused; null if it was not. */
  refused: string | null;
}

/** What `tcplab lab --grade --json` prints; schema/grade.schema.json describes it. */
export interface GradeReport {
  format: typeof GRADE_FORMAT;
  records: GradedRecord[];
}

export function formatGrades({ records }: GradeReport, layout: { style: Style; columns: number }): string {
  const { style, columns } = layout;
  const width = Math.max(...records.map(({ file }) => textWidth(file))) + 2;
  const lessons = Math.max(...records.map(({ grade }) => textWidth(grade?.lesson ?? ''))) + 2;
  const lines = records.flatMap((record) => {
    const { file, grade } = record;
    const tone = grade && isComplete(grade) ? style.good : grade ? style.unsure : style.bad;
    const score = grade ? scoreOf(grade) : 'refused';
    const head = `${pad(file, width)}${pad(grade?.lesson ?? '', lessons)}${tone(score)}`;
    return [head, ...remarksOf(record).flatMap((remark) => wrapBeside('  ', remark, columns))];
  });
  return `${lines.join('\n')}\n`;
}

function isComplete({ steps }: Grade): boolean {
  return steps.every(({ isDone }) => isDone);
}

function scoreOf({ steps, hints }: Grade): string {
  const done = steps.filter(({ isDone }) => isDone).length;
  const asked = hints === 0 ? '' : `, ${hints} ${hints === 1 ? 'hint' : 'hints'}`;
  return `${done} of ${steps.length}${asked}`;
}

function remarksOf({ grade, refused }: GradedRecord): string[] {
  if (!grade) return refused === null ? [] : [refused];
  const index = grade.steps.findIndex(({ isDone }) => !isDone);
  const step = grade.steps[index];
  return [
    ...(step ? [`step ${index + 1} (${step.title}): ${step.missing}`] : []),
    ...(grade.isSameText ? [] : ['the lesson had another text when this record was made']),
  ];
}

const COLUMNS = ['file', 'lesson', 'started', 'done', 'steps', 'hints', 'remark'];

/** One line for each record, as RFC 4180 has it. */
export function gradesAsCsv({ records }: GradeReport): string {
  const rows = records.map((record) => {
    const { file, grade } = record;
    const done = grade?.steps.filter(({ isDone }) => isDone).length;
    const numbers = [done, grade?.steps.length, grade?.hints].map((number) => String(number ?? ''));
    return [file, grade?.lesson ?? '', grade?.startedAt ?? '', ...numbers, remarksOf(record).join('; ')];
  });
  return [COLUMNS, ...rows].map((row) => `${row.map(cellOf).join(',')}\r\n`).join('');
}

/** A spreadsheet takes what begins with one of these for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

function cellOf(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
