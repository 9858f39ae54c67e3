import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { ARC_SCENARIOS } from '../src/scenario/arc-catalogue.ts';
import { BOX_SCENARIOS } from '../src/scenario/box-catalogue.ts';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import type { Scenario } from '../src/scenario/scenario.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** A folder imports only from those above it, and the thin layer over the kernel from `tcp` alone. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  tcp: [],
  captures: ['tcp'],
  evidence: ['tcp'],
  kernel: ['tcp'],
  tables: ['tcp'],
  diagnosis: ['tcp', 'evidence', 'kernel', 'tables'],
  lab: ['tcp', 'evidence', 'kernel'],
  remote: ['tcp', 'evidence', 'kernel', 'lab'],
  scenario: ['tcp', 'evidence', 'kernel', 'lab'],
  check: ['tcp', 'evidence', 'kernel', 'lab', 'scenario'],
  lesson: ['tcp', 'evidence'],
  report: [
    'tcp',
    'captures',
    'evidence',
    'kernel',
    'tables',
    'diagnosis',
    'lab',
    'scenario',
    'check',
    'lesson',
  ],
  testing: ['tcp', 'evidence', 'kernel', 'lab', 'remote', 'scenario', 'report'],
  ui: ['tcp', 'evidence', 'kernel', 'lab', 'scenario', 'report'],
  // What needs Node is not for a browser, see `faultsOfBrowser`.
  web: ['tcp', 'evidence', 'lab', 'report', 'ui'],
  cli: [
    'tcp',
    'captures',
    'evidence',
    'kernel',
    'tables',
    'diagnosis',
    'lab',
    'remote',
    'scenario',
    'check',
    'lesson',
    'report',
    'testing',
    'ui',
  ],
};
const FOR_ALL = ['src/dist.ts', 'src/error.ts', 'src/printable.ts', 'src/suggestion.ts', 'src/yaml-text.ts'];
const OF_ALL = 'src/index.ts';
/** The folders of report/, in their order: `story` knows none of the forms. */
const ROOMS: Record<string, readonly string[]> = {
  words: [],
  story: ['words'],
  terminal: ['words', 'story'],
  guide: ['words', 'story', 'terminal'],
  files: ['words', 'story', 'terminal'],
  pages: ['words', 'story', 'terminal', 'guide', 'files'],
};
/** Where files name each other's types in circles; their values go round in none. */
const TYPES_GO_ROUND = /^src\/(tcp|evidence)\//;
const FORBIDDEN_NAMES = ['utils', 'util', 'helpers', 'helper', 'common', 'misc', 'shared', 'lib'];
const LONGEST = 400;

interface SourceFile {
  /** From the repository on: `src/tcp/fold.ts`. */
  path: string;
  text: string;
}

function filesOfSource(): SourceFile[] {
  return readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ path: join('src', name), text: readFileSync(join(ROOT, 'src', name), 'utf8') }));
}

/**
 * What a file imports, in whichever way: import, export from, import(), a type's import(), require(). `atStart`: only what
 * has to run before it does, so no types.
 */
function importsOf(file: SourceFile, atStart = false): string[] {
  const imports: string[] = [];
  const add = (specifier: ts.Node | undefined) => {
    if (!specifier) return;
    imports.push(ts.isStringLiteralLike(specifier) ? specifier.text : `? ${specifier.getText()}`);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      if (!atStart || !isOfTypes(node)) add(node.moduleSpecifier);
    }
    if (atStart && !ts.isSourceFile(node)) return;
    if (ts.isImportTypeNode(node))
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument);
    if (ts.isExternalModuleReference(node)) add(node.expression);
    if (ts.isCallExpression(node)) {
      const { expression } = node;
      const required = ts.isIdentifier(expression) && expression.text === 'require';
      if (expression.kind === ts.SyntaxKind.ImportKeyword || required) add(node.arguments[0]);
    }
    ts.forEachChild(node, visit);
  };
  visit(parsed(file));
  return imports;
}

const syntax = new WeakMap<SourceFile, ts.SourceFile>();

function parsed(file: SourceFile): ts.SourceFile {
  const tree = syntax.get(file) ?? ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true);
  syntax.set(file, tree);
  return tree;
}

function isOfTypes(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  const { isTypeOnly, name, namedBindings } = node.importClause ?? {};
  if (isTypeOnly || !namedBindings || name) return isTypeOnly === true;
  return ts.isNamedImports(namedBindings) && namedBindings.elements.every((element) => element.isTypeOnly);
}

function targetOf(path: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : undefined;
}

/** What is against the rules of the house in a file, in a sentence each. */
function faultsOf(file: SourceFile): string[] {
  const { path, text } = file;
  const faults: string[] = [];
  const parts = path.split('/');
  const lines = text.split('\n').length - 1;
  if (lines > LONGEST) faults.push(`${path} has ${lines} lines`);
  for (const part of parts) {
    if (FORBIDDEN_NAMES.includes(part.replace(/\..*$/, '')))
      faults.push(`${path}: nothing is called ${part}`);
  }
  // A test may look at whatever it tests, from wherever.
  if (path.endsWith('.test.ts') || path === OF_ALL) return faults;
  const folder = parts.length > 2 ? (parts[1] as string) : undefined;
  const allowed = folder === undefined ? [] : MAY_IMPORT[folder];
  if (!allowed) return [...faults, `${path}: the house has no folder ${folder}`];
  for (const specifier of importsOf(file)) {
    const target = targetOf(path, specifier);
    if (specifier.startsWith('?')) faults.push(`${path} imports what nobody can read: ${specifier.slice(2)}`);
    else if (target === undefined) faults.push(...faultsOfPackage(path, folder, specifier));
    else if (!FOR_ALL.includes(target)) {
      const from = /^src\/([^/]+)\/.*\.(?:ts|cjs)$/.exec(target)?.[1];
      if (from !== folder && !allowed.includes(from ?? '')) faults.push(`${path} imports ${target}`);
      const [room, other] = [roomOf(path), roomOf(target)];
      if (room && other && room !== other && !ROOMS[room]?.includes(other))
        faults.push(`${path} imports ${target}`);
    }
  }
  if (folder === 'web') faults.push(...faultsOfBrowser(file));
  return faults;
}

function roomOf(path: string): string | undefined {
  return /^src\/report\/([^/]+)\//.exec(path)?.[1];
}

/** A browser has neither Node nor packages: nothing that runs in one may need any, however far off. */
function faultsOfBrowser(file: SourceFile): string[] {
  return importsOf(file, true).flatMap((specifier) => {
    const target = targetOf(file.path, specifier);
    const needs = target && neededBy(target, new Set());
    return needs ? [`${file.path} imports ${target}, which needs ${needs}`] : [];
  });
}

/** The first package that a file or what it imports has to have. */
function neededBy(path: string, seen: Set<string>): string | undefined {
  const file = FILES.find((one) => one.path === path);
  if (!file) return path;
  if (seen.has(path)) return undefined;
  seen.add(path);
  for (const specifier of importsOf(file, true)) {
    const target = targetOf(path, specifier);
    const needs = target === undefined ? specifier : neededBy(target, seen);
    if (needs !== undefined) return needs;
  }
  return undefined;
}

/** The files that import each other in a circle, a list for each circle. */
function circlesAmong(files: readonly SourceFile[], atStart: boolean): string[][] {
  const targets = new Map(
    files.map((file) => [
      file.path,
      importsOf(file, atStart).flatMap((specifier) => targetOf(file.path, specifier) ?? []),
    ]),
  );
  const [circles, done]: [string[][], Set<string>] = [[], new Set()];
  const walk = (path: string, way: string[]): void => {
    if (way.includes(path)) circles.push(way.slice(way.indexOf(path)));
    if (done.has(path) || way.includes(path)) return;
    for (const target of targets.get(path) ?? []) walk(target, [...way, path]);
    done.add(path);
  };
  for (const path of targets.keys()) walk(path, []);
  return circles;
}

function faultsOfPackage(path: string, folder: string | undefined, name: string): string[] {
  if (folder === 'web') return [`${path} imports ${name}: a browser has no packages`];
  if (folder === 'tcp') return [`${path} imports ${name}: tcp is pure`];
  if (/^koffi($|\/)/.test(name) && folder !== 'kernel') return [`${path} imports koffi`];
  if (!name.startsWith('node:') && isBuiltIn(name)) return [`${path} imports ${name} without node:`];
  return [];
}

function isBuiltIn(name: string): boolean {
  return ['fs', 'path', 'os', 'net', 'child_process', 'url', 'events', 'timers'].includes(
    name.split('/')[0] ?? '',
  );
}

const FILES = filesOfSource();

describe('the house', () => {
  const files = FILES;

  it('has all its folders, and nothing else beside the files for all', () => {
    const inFolders = files.map(({ path }) => path.split('/')).filter(({ length }) => length > 2);
    const folders = new Set(inFolders.map(([, folder]) => folder));
    expect([...folders].sort()).toEqual(Object.keys(MAY_IMPORT).sort());
    const alone = files.map(({ path }) => path).filter((path) => path.split('/').length === 2);
    expect(alone.filter((path) => !path.endsWith('.test.ts')).sort()).toEqual([...FOR_ALL, OF_ALL].sort());
  });

  it('keeps its rules: who imports whom, how long a file is, what nothing is called', () => {
    expect(files.flatMap((file) => faultsOf(file))).toEqual([]);
  });

  it('has no files that import each other in a circle', () => {
    const ours = files.filter(({ path }) => !path.endsWith('.test.ts'));
    expect(circlesAmong(ours, true)).toEqual([]);
    expect(
      circlesAmong(
        ours.filter(({ path }) => !TYPES_GO_ROUND.test(path)),
        false,
      ),
    ).toEqual([]);
  });

  it('is read whole: each file but those without imports has some', () => {
    const imports = files.flatMap((file) => importsOf(file));
    expect(imports.length).toBeGreaterThan(files.length);
    expect(imports).toContain('koffi');
    expect(imports.filter((specifier) => specifier.startsWith('?'))).toEqual([]);
  });
});

describe('the check of the house', () => {
  const bad = (path: string, text: string) => faultsOf({ path, text });

  it.each([
    ['an import', "import { judge } from '../evidence/verdict.ts';"],
    ['an import of types alone', "import type { Verdict } from '../evidence/verdict.ts';"],
    ['an import for its effects', "import '../evidence/verdict.ts';"],
    ['an export from', "export { judge } from '../evidence/verdict.ts';"],
    ['an export of all', "export * from '../evidence/verdict.ts';"],
    ['an import()', "const verdict = await import('../evidence/verdict.ts');"],
    ['an import() with a template', 'const verdict = await import(`../evidence/verdict.ts`);'],
    ['an import() of a type', "type Verdict = import('../evidence/verdict.ts').Verdict;"],
    ['a typeof import()', "type All = typeof import('../evidence/verdict.ts');"],
    ['an import =', "import verdict = require('../evidence/verdict.ts');"],
    ['a require()', "const verdict = require('../evidence/verdict.ts');"],
    ['an import() deep within', "export class A { b() { return () => import('../evidence/verdict.ts'); } }"],
    ['a detour', "import { judge } from '../tcp/../evidence/verdict.ts';"],
  ])('sees %s', (_title, text) => {
    expect(bad('src/kernel/bad.ts', text)).toEqual(['src/kernel/bad.ts imports src/evidence/verdict.ts']);
  });

  it.each([
    ['tcp', '../evidence/verdict.ts'],
    ['tcp', 'node:fs'],
    ['tcp', 'koffi'],
    ['evidence', '../kernel/clock.ts'],
    ['evidence', 'koffi'],
    ['kernel', '../lab/lab.ts'],
    ['lab', '../scenario/run.ts'],
    ['lab', 'koffi'],
    ['lab', 'koffi/indirect'],
    ['scenario', '../report/terminal/table.ts'],
    ['report', '../cli/tcplab.ts'],
    ['report', '../index.ts'],
    ['report', '../testing/index.ts'],
    ['testing', '../cli/tcplab.ts'],
    ['report', '../ui/model.ts'],
    ['ui', '../cli/tcplab.ts'],
    ['ui', '../testing/index.ts'],
    ['web', '../report/terminal/layout.ts'],
    ['web', '../ui/server.ts'],
    ['web', 'node:fs'],
    ['cli', '../index.ts'],
    ['lab', '../../scripts/start.mjs'],
    ['lab', '../kernel/clock.js'],
    ['lab', 'fs'],
  ])('does not let %s import %s', (folder, specifier) => {
    expect(bad(`src/${folder}/bad.ts`, `import '${specifier}';`)).toHaveLength(1);
    expect(
      bad(`src/${folder}/deeper/bad.ts`, `import '${specifier.replace('../', '../../')}';`),
    ).toHaveLength(1);
  });

  it.each([
    ['tcp', '../error.ts'],
    ['tcp', './state.ts'],
    ['evidence', '../tcp/state.ts'],
    ['kernel', 'koffi'],
    ['kernel', '../tcp/state.ts'],
    ['lab', '../kernel/clock.ts'],
    ['ui', '../report/pages/view.ts'],
    ['web', '../report/words/time.ts'],
    ['web', '../report/story/rows.ts'],
    ['web', '../tcp/state.ts'],
    ['cli', '../report/terminal/table.ts'],
    ['cli', 'commander'],
    ['cli', 'node:fs'],
  ])('lets %s import %s', (folder, specifier) => {
    expect(bad(`src/${folder}/good.ts`, `import '${specifier}';`)).toEqual([]);
  });

  it.each([
    ['words', '../story/result.ts'],
    ['story', '../terminal/table.ts'],
    ['files', '../pages/view.ts'],
    ['terminal', '../guide/explain.ts'],
  ])('does not let the room %s import %s', (room, specifier) => {
    expect(bad(`src/report/${room}/bad.ts`, `import '${specifier}';`)).toHaveLength(1);
  });

  it('sees a circle, of values and of types', () => {
    const files = [
      { path: 'src/a.ts', text: "import { b } from './b.ts';" },
      { path: 'src/b.ts', text: "import { type C } from './c.ts'; import './d.ts';" },
      { path: 'src/c.ts', text: "export { a } from './a.ts';" },
      { path: 'src/d.ts', text: "import type { B } from './b.ts';" },
    ];
    expect(circlesAmong(files, true)).toEqual([]);
    expect(circlesAmong(files, false)).toEqual([
      ['src/a.ts', 'src/b.ts', 'src/c.ts'],
      ['src/b.ts', 'src/d.ts'],
    ]);
  });

  it('lets a browser have what needs no Node, and types of anything', () => {
    const of = (text: string) => bad('src/web/bad.ts', text);
    expect(of("import { formatHtml } from '../report/pages/html.ts';")).toEqual([
      'src/web/bad.ts imports src/report/pages/html.ts, which needs node:crypto',
    ]);
    expect(of("import type { UiServer } from '../ui/server.ts';")).toEqual([]);
  });

  it('does not mind what is written in a comment or a text', () => {
    const text = "// import '../evidence/verdict.ts';\nexport const a = \"import '../evidence/verdict.ts'\";";
    expect(bad('src/kernel/good.ts', text)).toEqual([]);
  });

  it('does not let anything import what nobody can read', () => {
    const [fault] = bad('src/cli/bad.ts', "const name = './run.ts'; await import(name);");
    expect(fault).toBe('src/cli/bad.ts imports what nobody can read: name');
  });

  it('sees a file that is too long, a forbidden name, and a folder that the house does not have', () => {
    expect(bad('src/tcp/long.ts', 'export {};\n'.repeat(401))).toEqual(['src/tcp/long.ts has 401 lines']);
    expect(bad('src/tcp/long.ts', 'export {};\n'.repeat(400))).toEqual([]);
    expect(bad('src/tcp/utils/seq.ts', '')).toEqual(['src/tcp/utils/seq.ts: nothing is called utils']);
    expect(bad('src/tcp/helpers.ts', '')).toEqual(['src/tcp/helpers.ts: nothing is called helpers.ts']);
    expect(bad('src/attic/a.ts', '')).toEqual(['src/attic/a.ts: the house has no folder attic']);
  });

  it('lets the entry import all, and error.ts nothing', () => {
    expect(bad('src/index.ts', "export * from './lab/lab.ts';")).toEqual([]);
    expect(bad('src/error.ts', "import './tcp/state.ts';")).toEqual([
      'src/error.ts imports src/tcp/state.ts',
    ]);
  });
});

describe('the scenarios', () => {
  const known = [...CATALOGUE, ...BOX_SCENARIOS, ...ARC_SCENARIOS];

  it('are each in a file of their name or in a list of arc/, and each such file is in a catalogue', async () => {
    const found: string[] = [];
    for (const { path } of filesOfSource()) {
      if (!path.startsWith('src/scenario/') || path.endsWith('.test.ts')) continue;
      const exported: unknown[] = Object.values(await import(join(ROOT, path)));
      const isCatalogue = path.endsWith('catalogue.ts');
      // A file in arc/ exports a list of all that end in the same way.
      for (const scenario of isCatalogue ? [] : exported.flat().filter(isScenario)) {
        if (exported.includes(scenario)) expect(`${scenario.id}.ts`, path).toBe(basename(path));
        expect(known, `${path} is missing in catalogue.ts or arc-catalogue.ts`).toContain(scenario);
        found.push(scenario.id);
      }
    }
    expect(found.sort()).toEqual(known.map(({ id }) => id).sort());
  });

  it('have names of their own', () => {
    expect(new Set(known.map(({ id }) => id)).size).toBe(known.length);
  });
});

function isScenario(value: unknown): value is Scenario {
  return typeof value === 'object' && value !== null && 'id' in value && 'held' in value && 'reach' in value;
}
