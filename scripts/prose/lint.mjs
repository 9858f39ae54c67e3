// Checks the English of the guides, the docs, and the texts in the sources against the house words.
//
//   node scripts/prose/lint.mjs [FILE...]     everything, or these files, with all hits printed
//   node scripts/prose/lint.mjs --count       hits per group only
//
// Exit status: 0 if no group has more hits than LIMITS allows, 1 otherwise. With files named the limit is 0.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLinter, loadTextlintrc } from 'textlint';
import ts from 'typescript';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const SOURCE = new Set(['.ts', '.mjs', '.cjs', '.js']);

/** What a reader of the group's text would be: a user reads docs and strings, a contributor the rest. */
const GROUPS = {
  docs: { files: ['*.md', 'docs/**/*.md', 'examples/**/*.md'], part: 'all' },
  strings: { files: ['src/**/*.ts', 'src/**/*.cjs'], part: 'strings' },
  comments: { files: ['src/**/*.ts', 'src/**/*.cjs'], part: 'comments' },
  tests: { files: ['test/**/*.ts', 'scripts/**/*.mjs', 'bench/**/*.mjs'], part: 'all' },
};

/**
 * The hits that each group may still have. Never raise a number.
 * @type {Record<keyof typeof GROUPS, number>}
 */
const LIMITS = { docs: 0, strings: 0, comments: 0, tests: 0 };

/** The linter loads its rules for each text, and takes more than twice as long for twice the lines. */
const LINES_AT_ONCE = 200;

const args = process.argv.slice(2);
const countOnly = args[0] === '--count';
if (countOnly) args.shift();
const descriptor = await loadTextlintrc({ configFilePath: join(here, 'textlintrc.json') });
const linter = createLinter({ descriptor });

process.exitCode = args.length > 0 ? await lintNamed(args) : await lintGroups();

/** @param {string[]} files */
async function lintNamed(files) {
  const hits = await lint(files, 'all', true);
  process.stdout.write(`${hits} hits in ${files.length} files\n`);
  return hits > 0 ? 1 : 0;
}

async function lintGroups() {
  let status = 0;
  for (const [name, { files, part }] of Object.entries(GROUPS)) {
    const limit = LIMITS[/** @type {keyof typeof GROUPS} */ (name)];
    // A group that may still have hits prints only their number.
    const hits = await lint(tracked(files, name), part, limit === 0 && !countOnly);
    process.stdout.write(`${name}: ${hits} hits, at most ${limit} allowed\n`);
    if (hits > limit) status = 1;
  }
  return status;
}

/**
 * @param {string[]} patterns
 * @param {string} group
 */
function tracked(patterns, group) {
  const globs = patterns.map((pattern) => `:(glob)${pattern}`);
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--', ...globs], {
    cwd: root,
    encoding: 'utf8',
  });
  const files = listed.split('\n').filter((file) => file !== '');
  return files
    .filter((file) => group === 'tests' || !file.endsWith('.test.ts'))
    .map((file) => join(root, file));
}

/**
 * @param {string[]} paths
 * @param {string} part
 * @param {boolean} show whether to print each hit
 * @returns {Promise<number>} how many hits there are
 */
async function lint(paths, part, show) {
  let hits = 0;
  /** @type {{ text: string, path: string, line: number }[]} */
  let lines = [];
  const lintLines = async () => {
    const originOf = (/** @type {number} */ line) => lines[line - 1] ?? { path: '', line };
    hits += await lintText(lines.map(({ text }) => text).join('\n'), 'sources.txt', originOf, show);
    lines = [];
  };
  for (const path of paths) {
    const whole = readFileSync(path, 'utf8');
    if (!SOURCE.has(extname(path))) {
      hits += await lintText(whole, path, (line) => ({ path, line }), show);
      continue;
    }
    // Blank lines take time as well. One stays between what is not of one text.
    for (const [index, text] of prose(whole, path, part).split('\n').entries()) {
      if (text !== '' || lines.at(-1)?.text !== '') lines.push({ text, path, line: index + 1 });
    }
    lines.push({ text: '', path, line: 1 });
    if (lines.length > LINES_AT_ONCE) await lintLines();
  }
  await lintLines();
  return hits;
}

/**
 * @param {string} text
 * @param {string} name which tells the linter the kind of text
 * @param {(line: number) => { path: string, line: number }} originOf
 * @param {boolean} show
 */
async function lintText(text, name, originOf, show) {
  const { messages } = await linter.lintText(text, name);
  for (const { line, column, message } of show ? messages : []) {
    const origin = originOf(line);
    process.stdout.write(`${origin.path.replace(`${root}/`, '')}:${origin.line}:${column}: ${message}\n`);
  }
  return messages.length;
}

/**
 * Blanks out everything but the comments or the string literals of a source, so that lines and columns stay true.
 * @param {string} text
 * @param {string} path
 * @param {string} part `strings`, `comments`, or `all` for both
 */
function prose(text, path, part) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const kept = new Uint8Array(text.length);
  const keep = (/** @type {number} */ from, /** @type {number} */ to) => kept.fill(1, from, to);
  const visit = (/** @type {ts.Node} */ node) => {
    if (part !== 'comments' && !ts.isImportDeclaration(node.parent) && !ts.isExportDeclaration(node.parent)) {
      // A string of one word without spaces is a name: of an event, an option, an action.
      if (ts.isStringLiteralLike(node)) {
        if (/\s/.test(node.text)) keep(node.getStart() + 1, node.end - 1);
      }
      if (node.kind >= ts.SyntaxKind.TemplateHead && node.kind <= ts.SyntaxKind.TemplateTail) {
        keep(node.getStart() + 1, node.end - (node.kind === ts.SyntaxKind.TemplateTail ? 1 : 2));
      }
    }
    if (part !== 'strings') {
      for (const { pos, end } of ts.getLeadingCommentRanges(text, node.pos) ?? []) keep(pos + 2, end);
    }
    for (const child of node.getChildren(source)) if (!ts.isJSDoc(child)) visit(child);
  };
  for (const child of source.getChildren(source)) visit(child);
  const blanked = text.replace(/[^\n]/g, (char, at) => (kept[at] ? char : ' ')).replace(/\*\//g, '  ');
  // Blanks take the longest to lint.
  return blanked.replace(/ +$/gm, '');
}
