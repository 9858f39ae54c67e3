import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import { STATES } from '../src/tcp/state.ts';
import { STATE_NAMES } from '../src/tcp/state-names.ts';

const root = join(import.meta.dirname, '..');

describe('the pages under docs/states', () => {
  it('match the record and the texts (`npm run docs` updates them)', async () => {
    // By a variable: the script is plain JavaScript, without types.
    const script = join(root, 'scripts/docs.mjs');
    const { pages } = (await import(script)) as { pages: () => Promise<{ name: string; text: string }[]> };
    for (const { name, text } of await pages()) {
      expect(readFileSync(join(root, 'docs/states', name), 'utf8'), name).toBe(text);
    }
  });

  it.each(CATALOGUE)('show $id', ({ id, held }) => {
    const page = readFileSync(join(root, 'docs/states', `${held.state.toLowerCase()}.md`), 'utf8');
    const [, part] = page.split(`## \`${id}\`\n`);
    expect(part, '`npm run docs -- --record` adds it').toContain('### Every segment');
  });

  it.each(readdirSync(join(root, 'docs/states')).filter((name) => name.endsWith('.md')))(
    '%s has prose outside of fences, wrapped at 100 columns',
    (name) => {
      const parts = readFileSync(join(root, 'docs/states', name), 'utf8').split(/^```/m);
      const fences = parts.filter((_, index) => index % 2 === 1);
      const prose = parts.filter((_, index) => index % 2 === 0).join('');
      for (const text of fences) expect(text, 'a fence of prose').not.toMatch(/^text\n {2}[A-Z][a-z ]{30}/);
      for (const line of prose.split('\n')) {
        // A row of a table, a heading's comment and a link can't be wrapped.
        if (!/^\||^<!--|\]\(/.test(line)) expect(line.length, line).toBeLessThanOrEqual(100);
      }
      for (const [, file] of prose.matchAll(/\]\(([\w-]+\.md)/g)) {
        expect(existsSync(join(root, 'docs/states', file ?? '')), file).toBe(true);
      }
      expect(prose, 'a link that ends within its word').not.toMatch(/\]\([^)]*\)\w/);
    },
  );

  it('show the names of every state in the tools', () => {
    const page = readFileSync(join(root, 'docs/states/README.md'), 'utf8');
    for (const state of STATES) {
      const { ss, proc, conntrack } = STATE_NAMES[state];
      const row = page
        .split('\n')
        .find((line) => line.startsWith(`| [${state}]`) && line.includes(`\`${ss}\``));
      for (const name of [proc, ...conntrack]) if (name) expect(row).toContain(`\`${name}\``);
    }
  });
});

describe('docs/checked-programs.md', async () => {
  const load = async <T>(name: string) => (await import(join(root, 'scripts', name))) as T;
  const { PROGRAMS } = await load<{ PROGRAMS: { name: string }[] }>('checked-programs-list.mjs');
  const { document } = await load<{ document: (found: object) => string }>('checked-programs-document.mjs');
  const found = JSON.parse(readFileSync(join(root, 'scripts/checked-programs-found.json'), 'utf8'));
  const page = readFileSync(join(root, 'docs/checked-programs.md'), 'utf8');

  it('has every checked program', () => {
    expect(Object.keys(found)).toEqual(PROGRAMS.map(({ name }) => name));
  });

  it('is what was found', () => {
    expect(page).toBe(document(found));
  });

  it('says of every risk and fault how it was confirmed', () => {
    expect(page).not.toContain('Not confirmed');
    const [name = ''] = Object.keys(found);
    const anew = { id: 'serves', verdict: 'fault', code: 'new', says: 'something new' };
    expect(document({ ...found, [name]: { ...found[name], probes: [anew] } })).toContain('Not confirmed');
  });
});
