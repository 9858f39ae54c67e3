import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DIST } from '../dist.ts';
import { TcplabError } from '../error.ts';
import type { Lesson } from '../lesson/lesson.ts';
import { parseLesson } from '../lesson/parse.ts';
import { suggestion } from '../suggestion.ts';
import { readText } from './input-file.ts';

/** The lessons that come with tcplab. */
const FOLDER = new URL('../lessons/', DIST);

/** In bytes: a lesson is read whole. */
const LARGEST = 2 ** 18;

export function shippedNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.md'))
    .map((file) => basename(file, '.md'))
    .sort();
}

export async function shippedLessons(): Promise<Lesson[]> {
  return Promise.all(shippedNames().map((name) => lessonNamed(name)));
}

/** A lesson that comes with tcplab by its name, any other by its file. */
export async function lessonNamed(wanted: string): Promise<Lesson> {
  if (/[/.]/.test(wanted)) return parseLesson(await readText(wanted, LARGEST), wanted);
  const names = shippedNames();
  if (!names.includes(wanted)) {
    throw new TcplabError('USAGE', `no lesson is called '${wanted}'`, {
      hint: suggestion(
        wanted,
        names,
        '`tcplab lab --lesson` lists them; for a file of your own, write ./NAME.md',
      ),
    });
  }
  const path = fileURLToPath(new URL(`${wanted}.md`, FOLDER));
  return parseLesson(await readText(path, LARGEST), `lessons/${wanted}.md`);
}
