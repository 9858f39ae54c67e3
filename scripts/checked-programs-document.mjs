import { EXPLAINED } from './checked-programs-explained.mjs';

/**
 * The part of the output of `tcplab check --json` that the page shows.
 * @typedef {{ command: string, probes: { id: string, verdict: string, says: string }[] }} Report
 */

const HEAD = `# Results of check for well-known programs

This page shows what \`tcplab check\` finds in programs that are widely used, each with the shortest possible
configuration and \`--within 3s\`. \`npm run docs:programs\` generates the page on a machine that has the programs. Times
in milliseconds are those of that machine and that run.

A **risk** is not a bug in the program. It is a default that you should know about and may want to change. Each risk
and fault was confirmed once with \`tcplab hold\` and \`ss -tano\`, and is explained below its table.
`;

const KEPT = '*From an earlier run: the program was not installed when the other results were generated.*';

/**
 * @param {{ name: string, target: string }} program
 * @param {string} version
 * @param {Report} report
 */
export function section({ name, target }, version, { command, probes }) {
  const lines = [`## ${name} ${version}`, '', `\`${command}\` (${target})`, ''];
  lines.push('| test | verdict | found |', '|---|---|---|');
  for (const { id, verdict, says } of probes)
    lines.push(`| ${id} | ${mark(verdict)} | ${says.replaceAll('|', '\\|')} |`);
  const noted = probes.flatMap(({ id, verdict }) => {
    if (verdict !== 'risk' && verdict !== 'fault') return [];
    return [`- **${id}**: ${EXPLAINED[name]?.[id] ?? EXPLAINED['*']?.[id] ?? 'not explained yet.'}`];
  });
  return [...lines, '', ...noted, ''].join('\n');
}

/** @param {string} verdict */
function mark(verdict) {
  return verdict === 'good' ? 'good' : verdict === 'unknown' ? '–' : `**${verdict}**`;
}

/**
 * The whole page. A program that is not installed here keeps the section of an earlier run, with a note. Throws if there is
 * none, because a page without a program would not show that it is missing.
 * @param {string} before the page as it was
 * @param {string[]} names of all programs, in their order
 * @param {ReadonlyMap<string, string>} looked the new sections, by name
 */
export function document(before, names, looked) {
  const old = sectionsOf(before);
  const lost = names.filter((name) => !looked.has(name) && !sectionOf(old, name));
  if (lost.length > 0)
    throw new Error(`neither installed nor on the page: ${lost.join(', ')}. Install them and run this again`);
  const sections = names.map((name) => looked.get(name) ?? kept(sectionOf(old, name) ?? ''));
  return `${HEAD}\n${sections.join('\n')}`;
}

/**
 * The sections of a page, without the introduction.
 * @param {string} text
 */
function sectionsOf(text) {
  return text.split(/^(?=## )/m).slice(1);
}

/**
 * @param {string[]} sections
 * @param {string} name
 */
function sectionOf(sections, name) {
  return sections.find((text) => text.startsWith(`## ${name} `));
}

/** @param {string} text */
function kept(text) {
  const [title = '', ...rest] = `${text.trimEnd()}\n`.split('\n');
  return rest.includes(KEPT) ? [title, ...rest].join('\n') : [title, '', KEPT, ...rest].join('\n');
}
