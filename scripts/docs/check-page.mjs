// docs/check-tests.md, from the tests' own texts.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

const HEAD = `# The tests of \`tcplab check\`

What each test does to a program, and what it is for. \`npm run docs\` generates this page from the texts of the tests;
\`tcplab check server --list --json\` prints the same. [check.md](check.md) says how to use them and how to read the results.
`;

/** The text of the page. */
export async function checkPage() {
  const { CLIENT_PROBES, SERVER_PROBES } = await import(join(root, 'build/check/catalogue.js'));
  const { PROXY_PROBES } = await import(join(root, 'build/check/proxy/catalogue.js'));
  return [
    HEAD,
    section('Servers', SERVER_PROBES),
    section('Clients', CLIENT_PROBES),
    section('Proxies', PROXY_PROBES),
  ].join('\n');
}

/**
 * @param {string} title
 * @param {{ id: string, title: string, purpose: string }[]} probes
 */
function section(title, probes) {
  const rows = probes.map(({ id, title, purpose }) => `| \`${id}\` | ${title} | ${purpose} |`);
  return [`## ${title}\n`, '| test | what happens | what it is for |', '|---|---|---|', ...rows, ''].join(
    '\n',
  );
}
