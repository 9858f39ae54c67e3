import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../src/scenario/catalogue.ts';

const root = join(import.meta.dirname, '..');

describe('the pages under docs/states', () => {
  it('are what the record and the texts give now (`npm run docs` makes them anew)', async () => {
    // By a variable: the script is plain JavaScript, without types.
    const script = join(root, 'scripts/docs.mjs');
    const { pages } = (await import(script)) as { pages: () => Promise<{ name: string; text: string }[]> };
    for (const { name, text } of await pages()) {
      expect(readFileSync(join(root, 'docs/states', name), 'utf8'), name).toBe(text);
    }
  });

  it('show every scenario of the catalogue', () => {
    const shown = CATALOGUE.map(({ id, held }) => {
      const page = readFileSync(join(root, 'docs/states', `${held.state.toLowerCase()}.md`), 'utf8');
      return page.includes(`## \`${id}\``) && page.includes('### As it was seen');
    });
    expect(shown).toEqual(CATALOGUE.map(() => true));
  });
});
