import { CAUSES, NOT_CHECKED } from './checked-programs-explained.mjs';

/**
 * What `tcplab check --json` found in a program, as far as the page shows it.
 * @typedef {object} Found
 * @property {string} version
 * @property {'server' | 'client'} target
 * @property {string} command
 * @property {string} options
 * @property {{ id: string, verdict: string, code: string, says: string }[]} probes
 */

const HEAD = `# Results of check for well-known programs

This page shows what \`tcplab check\` finds in programs that are widely used, each with the shortest possible
configuration and \`--within 8s\`. \`npm run docs:programs\` generates it on a machine that has the programs. Times are
those of that machine.

A **risk** is not a bug in the program. It is a default that you should know about and may want to change. Each risk and
fault was confirmed once by other means, and the means are named. [check-tests.md](check-tests.md) explains the tests.

| mark | means |
|---|---|
| + | good |
| w | unknown: still waiting after 8 s, so only a longer \`--within\` would tell |
| ? | unknown for another reason, such as a response that is too small for the test |
| **R** | risk |
| **F** | fault |
| – | not run, because the healthy exchange did not succeed |
`;

const MARKS = /** @type {Record<string, string>} */ ({
  good: '+',
  unknown: '?',
  risk: '**R**',
  fault: '**F**',
});

/** Codes of an unknown result that say nothing about the program. */
const PLAIN = [
  ...['still-waiting', 'not-run', 'no-reuse', 'no-request', 'too-small', 'window-not-filled', 'no-name'],
  ...['no-drain', 'not-limited', 'not-tls'],
];

/**
 * The whole page.
 * @param {Record<string, Found>} found by the name of the program
 */
export function document(found) {
  const programs = Object.entries(found);
  const servers = programs.filter(([, { target }]) => target === 'server');
  const clients = programs.filter(([, { target }]) => target === 'client');
  return [
    HEAD,
    '## Servers\n',
    ...overview(servers),
    '\n## Clients\n',
    ...overview(clients),
    '\n## Not checked\n',
    ...NOT_CHECKED.map((line) => `- ${line}`),
    '',
    ...programs.map(section),
  ].join('\n');
}

/**
 * One row per program. The names of the tests are too long for columns, so a list below has their numbers.
 * @param {[string, Found][]} programs
 */
function overview(programs) {
  const ids = [...new Set(programs.flatMap(([, { probes }]) => probes.map(({ id }) => id)))];
  const rows = programs.map(([name, { version, probes }]) => {
    const marks = ids.map((id) => mark(probes.find((probe) => probe.id === id)));
    return `| [${name}](#${anchor(name, version)}) ${version} | ${marks.join(' | ')} |`;
  });
  return [
    `| program | ${ids.map((_, index) => index + 1).join(' | ')} |`,
    `|---|${ids.map(() => '---|').join('')}`,
    ...rows,
    '',
    ...ids.map((id, index) => `${index + 1}. \`${id}\``),
  ];
}

/** @param {Found['probes'][number] | undefined} probe */
function mark(probe) {
  if (!probe || probe.code === 'not-run') return '–';
  return probe.code === 'still-waiting' ? 'w' : MARKS[probe.verdict];
}

/**
 * As GitHub makes it from a title.
 * @param {string} name
 * @param {string} version
 */
function anchor(name, version) {
  return `${name} ${version}`
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

/** @param {[string, Found]} program */
function section([name, { version, command, options, probes }]) {
  const lines = [
    `### ${name} ${version}`,
    '',
    `\`${command}\``,
    '',
    `Options: \`${`${options} --within 8s`.trim()}\``,
    '',
  ];
  for (const { id, verdict, code, says } of probes)
    if (isTold(verdict, code))
      lines.push(`- ${id}: **${verdict}**: ${escaped(says)}.${cause(name, id, code, verdict)}`);
  const idle = probes.find(({ id, code }) => id === 'peer-vanishes-idle' && code === 'closed');
  if (idle) lines.push(`- Its idle timeout: ${escaped(idle.says)}.`);
  if (lines.at(-1) === '') lines.push('No risk and no fault.');
  return `${lines.join('\n')}\n`;
}

/**
 * Whether the section has a line for it, and not only the table a mark.
 * @param {string} verdict
 * @param {string} code
 */
function isTold(verdict, code) {
  return verdict === 'risk' || verdict === 'fault' || (verdict === 'unknown' && !PLAIN.includes(code));
}

/**
 * @param {string} name
 * @param {string} id
 * @param {string} code
 * @param {string} verdict
 */
function cause(name, id, code, verdict) {
  const text = CAUSES[name]?.[id] ?? CAUSES['*']?.[`${id} ${code}`];
  if (text) return ` ${text}`;
  return verdict === 'unknown' ? '' : ' Not confirmed yet.';
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll('*', '\\*').replaceAll('<', '\\<');
}
