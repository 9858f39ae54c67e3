import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { IS_ROOT, REPOSITORY } from './cli.ts';

interface Shown {
  command: string;
  output: string;
  line: number;
  language: string;
}
interface Blocks {
  commandsIn: (page: string) => Shown[];
  howRun: (shown: Shown) => 'to its end' | 'until Ctrl-C' | 'not';
  shapeOf: (output: string) => string;
  statusOf: (shown: Shown) => number;
}
interface Samples {
  PAGES: string[];
  Reader: new () => {
    start: (command: string) => [string, string[], { cwd: string; env: NodeJS.ProcessEnv }];
    end: () => void;
  };
}

// By a variable: the scripts are plain JavaScript, without types.
const script = (name: string) => join(REPOSITORY, 'scripts/docs', name);
const { commandsIn, howRun, shapeOf, statusOf } = (await import(script('blocks.mjs'))) as Blocks;
const { PAGES, Reader } = (await import(script('samples.mjs'))) as Samples;
const { cliPage } = (await import(script('cli-page.mjs'))) as { cliPage: () => string };

const textOf = (name: string) => readFileSync(join(REPOSITORY, name), 'utf8');
const guides = readdirSync(join(REPOSITORY, 'docs'))
  .filter((name) => name.endsWith('.md') && name !== 'cli.md')
  .map((name) => `docs/${name}`);
const ROOT_PAGES = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md'];

const reader = new Reader();
afterAll(() => reader.end());

/** Runs a command until it ends, or until its first output and then a Ctrl-C. */
async function outcomeOf(shown: Shown): Promise<{ status: number | null; output: string }> {
  const [program, args, options] = reader.start(shown.command.replace(/^tcplab/, 'exec tcplab'));
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (howRun(shown) === 'until Ctrl-C' && /held|in [A-Z\d-]+, reached|http:|Ctrl-C ends it/.test(output))
      child.kill('SIGINT');
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, output };
}

describe.each(PAGES)('the commands in %s', (name) => {
  const run = commandsIn(textOf(name)).filter((shown) => howRun(shown) !== 'not');

  // In the page's order: a command may read what the one before it wrote.
  it.each(run.map((shown) => [shown.command, shown] as const))('%s', async (_command, shown) => {
    const { status, output } = await outcomeOf(shown);
    expect({ status, output }).toEqual({ status: statusOf(shown), output });
    // The pages are written as root: an ordinary user has a witness less.
    if (shown.output !== '' && IS_ROOT) expect(shapeOf(output)).toBe(shapeOf(shown.output));
  });
});

describe('the guides', () => {
  const help = cliPage();

  it('docs/cli.md is what --help prints (`npm run docs` writes it)', () => {
    expect(textOf('docs/cli.md')).toBe(help);
  });

  it.each([...ROOT_PAGES, ...guides])('%s uses commands and options that exist', (name) => {
    const scripts = Object.keys((JSON.parse(textOf('package.json')) as { scripts: object }).scripts);
    const unknown = commandsIn(textOf(name)).flatMap(({ command, line }) => {
      const at = `${name}:${line}`;
      const npm = /\bnpm (?:run (?:--silent )?)?([\w:-]+)/.exec(command);
      if (npm?.[0].startsWith('npm run') && !scripts.includes(npm[1] ?? '')) return [`${at}: ${npm[0]}`];
      const [, tcplab = '', words = ''] =
        /\btcplab ([a-z-]+)((?:(?! -- |[|;&]).)*)/s.exec(command.replace(/'[^']*'/g, "''")) ?? [];
      if (tcplab === '') return [];
      const section = sectionOf(help, tcplab);
      return [...words.matchAll(/ (--[a-z][\w-]*)/g)]
        .map(([, option = '']) => option)
        .filter((option) => !section.includes(option))
        .map((option) => `${at}: tcplab ${tcplab} ${option}`);
    });
    expect(unknown).toEqual([]);
  });

  it.each([...ROOT_PAGES, ...guides])('%s links to files and headings that exist', (name) => {
    const text = textOf(name);
    const links = [...text.matchAll(/\]\((?!https?:)([^)\s]*)\)/g)].map(([, to = '']) => to);
    const broken = links.filter((to) => {
      const [path = '', heading] = to.split('#');
      const file = path === '' ? name : join(dirname(name), path);
      if (!existsSync(join(REPOSITORY, file))) return true;
      return heading !== undefined && !headingsOf(textOf(file)).includes(heading);
    });
    expect(broken).toEqual([]);
  });

  it.each([...ROOT_PAGES, ...guides])('%s installs no package that the registry does not have', (name) => {
    expect(textOf(name).match(/\bnpm (?:i|install)\b[^`\n]* tcplab(?![-\w]).*/g)).toBe(null);
    expect(textOf(name).match(/\bnpx --yes tcplab.*/g)).toBe(null);
  });
});

describe('README.md', () => {
  it('is a door: 150 lines at most', () => {
    expect(textOf('README.md').split('\n').length - 1).toBeLessThanOrEqual(150);
  });
});

/** A state or a scenario in place of a command is held. */
function sectionOf(help: string, command: string): string {
  const sections = help.split(/^## tcplab ?/m);
  const named = sections.find((section) => section.startsWith(`${command}\n`));
  return named ?? sections.find((section) => section.startsWith('hold\n')) ?? '';
}

/** As GitHub makes the fragment of a heading. */
function headingsOf(page: string): string[] {
  const headings = page.replace(/^```.*?^```/gms, '').matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
