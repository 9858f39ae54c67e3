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

describe('docs/checked-programs.md', () => {
  const load = async <T>(name: string) => (await import(join(root, 'scripts', name))) as T;
  const programs = () =>
    load<{ PROGRAMS: { name: string }[] }>('checked-programs-list.mjs').then(({ PROGRAMS }) =>
      PROGRAMS.map(({ name }) => name),
    );
  const script = () =>
    load<{ document: (before: string, names: string[], looked: Map<string, string>) => string }>(
      'checked-programs-document.mjs',
    );
  const page = readFileSync(join(root, 'docs/checked-programs.md'), 'utf8');
  const titlesOf = (text: string) => [...text.matchAll(/^## (.+) \S+$/gm)].map(([, name]) => name);

  it('has a section for every checked program', async () => {
    expect(titlesOf(page)).toEqual(await programs());
  });

  it('explains every risk and fault', () => {
    for (const section of page.split(/^## /m).slice(1)) {
      const found = [...section.matchAll(/^\| (\S+) \| \*\*(?:risk|fault)\*\* \|/gm)].map(([, id]) => id);
      expect([...section.matchAll(/^- \*\*(\S+)\*\*: /gm)].map(([, id]) => id)).toEqual(found);
    }
    expect(page).not.toContain('not yet explained');
  });

  it('keeps, made where a program is not installed, what was seen of it before, and says so once', async () => {
    const { document } = await script();
    const names = await programs();
    const looked = new Map(names.slice(1).map((name) => [name, `## ${name} 1.0\n\nanew\n`]));
    const made = document(page, names, looked);
    expect(titlesOf(made)).toEqual(names);
    const own = made.slice(made.indexOf(`## ${names[0]} `), made.indexOf(`## ${names[1]} `));
    expect(own).toMatch(/From an earlier run.*\n\n[\s\S]*\| serves \| good \|/);
    expect(document(made, names, looked)).toBe(made);
    // Looked at again, it is of this run.
    looked.set(names[0] ?? '', `## ${names[0]} 2.0\n\nanew\n`);
    expect(document(made, names, looked)).not.toContain('From an earlier run');
  });

  it('is not made without a program of which nothing was ever seen', async () => {
    const { document } = await script();
    expect(() => document(page, ['nginx', 'lighttpd'], new Map())).toThrow(
      'neither installed nor on the page: lighttpd',
    );
  });
});
