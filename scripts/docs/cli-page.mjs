// docs/cli.md, from what the commands' --help prints.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

const HEAD = `# Commands

The \`--help\` of every command, printed by \`npm run docs\`. \`tcplab --help\` and \`tcplab COMMAND --help\` print the
same text.

With \`npm start\`, npm prints a banner first. Use \`npm start --silent -- run --json\` to leave it out.
`;

/** The text of the page. */
export function cliPage() {
  const main = helpOf();
  const names = commandNames().sort((a, b) => place(main, a) - place(main, b));
  const sections = names.map((name) => `## tcplab ${name}\n\n${fence(helpOf(name))}`);
  return [HEAD, `## tcplab\n\n${fence(main)}`, ...sections].join('\n');
}

/** Each command is made by a function of src/cli that is called after it. */
function commandNames() {
  const folder = join(root, 'src/cli');
  return readdirSync(folder).flatMap((file) => {
    const name = file.replace(/\.ts$/, '');
    return readFileSync(join(folder, file), 'utf8').includes(`function ${name}Command(`) ? [name] : [];
  });
}

/**
 * In the order of the main help; a command that it does not show comes last.
 * @param {string} main
 * @param {string} name
 */
function place(main, name) {
  const places = [new RegExp(`^ +${name}\\b`, 'm'), new RegExp(`[ ,]${name}(?=,|$)`, 'm')].map((word) =>
    main.search(word),
  );
  return places.find((at) => at >= 0) ?? main.length;
}

/** @param {string[]} command */
function helpOf(...command) {
  const args = [join(root, 'dist/cli/main.js'), ...command, '--help'];
  const env = { ...process.env, NO_COLOR: '1', COLUMNS: '80', NODE_OPTIONS: '' };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`tcplab ${command.join(' ')} --help: exit status ${status}\n${stderr}`);
  return stdout;
}

/** @param {string} text */
function fence(text) {
  return `\`\`\`text\n${text.trimEnd()}\n\`\`\`\n`;
}
