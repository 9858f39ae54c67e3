import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { TcplabError } from '../error.ts';
import type { Lesson, LessonStep } from './lesson.ts';
import { parseGoal } from './parse-goal.ts';

const HINT = 'docs/lessons.md has a whole lesson to copy';
const FENCE = /^(`{3,}|~{3,})\s*(.*)$/;
const STEP = /^yaml\s+step$/;

/**
 * Reads a lesson: a title (`# …`), an introduction, and a section (`## …`) for each step, which ends with a fenced block
 * `yaml step`. Throws a TcplabError (USAGE) with the file, the line, and what was expected there.
 */
export function parseLesson(text: string, path: string): Lesson {
  const wrong = (line: number, what: string) =>
    new TcplabError('USAGE', `${path}:${line}: ${what}`, { hint: HINT });
  const [head, ...sections] = sectionsOf(text, wrong);
  const title = head?.lines.find((line) => line.startsWith('# '));
  if (!head || title === undefined) throw wrong(1, 'expected a title, as in # Title');
  const [first] = sections;
  if (!first) throw wrong(head.lines.length, 'expected a step, as in ## Title');
  if (head.block) throw wrong(head.block.line, 'this block belongs to no step: expected ## Title before it');
  return {
    name: basename(path).replace(/\.md$/, ''),
    title: title.slice(2).trim(),
    intro: head.lines
      .slice(head.lines.indexOf(title) + 1)
      .join('\n')
      .trim(),
    steps: sections.map((section) => stepOf(section, path, wrong)),
    digest: createHash('sha256').update(text).digest('hex'),
  };
}

type Wrong = (line: number, what: string) => TcplabError;

interface Section {
  /** The first line, from 1. */
  line: number;
  /** Without the block that ends a step. */
  lines: string[];
  block: { line: number; source: string } | null;
}

/** Parts of the text that begin with `## …`, and what is before the first. A line of code is never a heading. */
function sectionsOf(text: string, wrong: Wrong): Section[] {
  const sections: Section[] = [{ line: 1, lines: [], block: null }];
  let fence: { marks: string; line: number; block: string[] | null } | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const [line, number] = [raw.replace(/\r$/, ''), index + 1];
    const section = sections.at(-1) as Section;
    const [, marks, info = ''] = FENCE.exec(line) ?? [];
    if (fence) {
      const ends = marks?.startsWith(fence.marks) && info === '';
      if (fence.block && ends) section.block = { line: fence.line + 1, source: fence.block.join('\n') };
      if (fence.block && !ends) fence.block.push(line);
      if (!fence.block) section.lines.push(line);
      if (ends) fence = undefined;
      continue;
    }
    if (marks !== undefined) {
      const isStep = STEP.test(info.trim());
      if (isStep && section.block) throw wrong(number, 'expected one yaml step block in a step, found two');
      fence = { marks, line: number, block: isStep ? [] : null };
      if (!isStep) section.lines.push(line);
    } else if (line.startsWith('## ')) {
      sections.push({ line: number, lines: [line], block: null });
    } else {
      if (section.block && line.trim() !== '')
        throw wrong(number, 'expected the next step, as in ## Title: the yaml step block ends its step');
      section.lines.push(line);
    }
  }
  if (fence) throw wrong(fence.line, 'this block has no end: expected ``` on a line of its own');
  return sections;
}

function stepOf({ line, lines, block }: Section, path: string, wrong: Wrong): LessonStep {
  const [heading = '', ...text] = lines;
  const title = heading.slice(3).trim();
  if (!block) throw wrong(line, `step '${title}': expected a yaml step block at its end`);
  return { title, text: text.join('\n').trim(), ...parseGoal(block.source, path, block.line) };
}
