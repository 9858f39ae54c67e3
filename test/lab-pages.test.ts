import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TypedLine } from '../src/lesson/lesson.ts';
import { REPOSITORY, TCPLAB, tcplabAsOrdinaryUser } from './cli.ts';
import { LessonLab } from './lesson-lab.ts';

/** Pages whose commands a reader types in a lab: a test types them exactly as they are, and sees what they say is to be seen. */
const PAGES = ['docs/the-article.md', 'docs/tutorial.md'];

type Block = { type: TypedLine[] } | { see: string[]; at: 'client' | 'server' | null };

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(REPOSITORY, page), 'utf8');
  return [...text.matchAll(/^```text (type|see)(?: (client|server))?\n(.*?)\n```$/gms)].map(
    ([, kind, at = null, body = '']) => {
      const lines = body.split('\n');
      return kind === 'type'
        ? { type: lines.map(typed) }
        : { see: lines, at: at as 'client' | 'server' | null };
    },
  );
}

function typed(line: string): TypedLine {
  const [, host, terminal = null, text = ''] = /^(client|server)(?:\/(\w+))?\s+(.*)$/.exec(line) ?? [];
  if (!host) throw new Error(`not a line to type: ${line}`);
  return { host: host as TypedLine['host'], terminal, text };
}

/** `…` is any text of the same line. */
function patternOf(line: string): RegExp {
  const parts = line
    .trim()
    .split(/\s*…\s*/)
    .map((part) =>
      part
        .split(/\s+/)
        .map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
        .join('\\s+'),
    );
  return new RegExp(parts.join('.*'));
}

describe.each([
  ['as root', false],
  ['as an ordinary user', true],
] as const)('typed as it is written, %s', (_, isOrdinary) => {
  it.each(PAGES)('%s shows what it says', { timeout: 300_000 }, async (page) => {
    const blocks = blocksOf(page);
    expect(blocks.length).toBeGreaterThan(10);
    await using lab = new LessonLab(['--watch'], isOrdinary ? tcplabAsOrdinaryUser() : TCPLAB);
    await lab.until(/Ctrl-C ends it/);
    let marks = lab.marks;
    for (const block of blocks) {
      if ('type' in block) {
        marks = lab.marks;
        for (const line of block.type) await lab.type(line);
      } else {
        for (const line of block.see) {
          // Without root, the calls of programs are not seen: the pages say that.
          const said = isOrdinary ? line.replace(/: proven$/, '…proven') : line;
          await lab.untilShown(patternOf(said), block.at, marks);
        }
      }
    }
  });
});
