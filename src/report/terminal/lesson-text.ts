import type { Lesson, LessonStep, TypedLine } from '../../lesson/lesson.ts';
import { pad, textWidth, wrap, wrapBeside } from './layout.ts';
import type { Style } from './style.ts';

/** A lesson's texts are Markdown; here they are lines for a terminal. */

interface Layout {
  style: Style;
  columns: number;
}

export function introLines({ title, intro, steps }: Lesson, layout: Layout): string[] {
  const count = `${steps.length} ${steps.length === 1 ? 'step' : 'steps'}`;
  return [layout.style.bold(title), '', ...markdownLines(intro, layout), '', count];
}

export function stepLines({ title, text, goal }: LessonStep, number: number, layout: Layout): string[] {
  const question = goal.kind === 'question' ? ['', ...wrapBeside('', goal.question, layout.columns)] : [];
  const heading = `Step ${number}: ${title}`;
  return ['', layout.style.bold(heading), ...markdownLines(text, layout), ...question];
}

/** Paragraphs and lists fill the width; code stays as it is. */
function markdownLines(text: string, { columns, style }: Layout): string[] {
  const lines: string[] = [];
  let [paragraph, isCode]: [string[], boolean] = [[], false];
  const flush = () => {
    const [first = ''] = paragraph;
    const label = /^(?:[-*]|\d+\.) /.exec(first)?.[0] ?? '';
    const words = paragraph.join(' ').slice(label.length);
    if (words !== '') lines.push(...wrapBeside(label, words.replaceAll('**', ''), columns));
    paragraph = [];
  };
  for (const line of text.split('\n')) {
    if (/^(?:```|~~~)/.test(line)) {
      flush();
      isCode = !isCode;
    } else if (isCode) {
      lines.push(line === '' ? '' : style.dim(`    ${line}`));
    } else if (line.trim() === '') {
      flush();
      if (lines.at(-1) !== '') lines.push('');
    } else {
      if (/^(?:[-*]|\d+\.) /.test(line)) flush();
      paragraph.push(line.trim());
    }
  }
  flush();
  return lines;
}

/** What to type where. A terminal with a name stays open. */
export function solutionLines(solution: readonly TypedLine[]): string[] {
  const places = solution.map(({ host, terminal }) => (terminal === null ? host : `${host}/${terminal}`));
  const width = Math.max(0, ...places.map(textWidth)) + 2;
  return solution.map(({ text }, index) => `  ${pad(places[index] ?? '', width)}${text}`);
}

export function noteLines(text: string, columns: number): string[] {
  return wrap(text, columns).split('\n');
}
