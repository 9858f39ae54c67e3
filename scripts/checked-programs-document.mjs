import { EXPLAINED } from './checked-programs-explained.mjs';

/**
 * What `tcplab check --json` says of a program, as far as the document shows it.
 * @typedef {{ command: string, probes: { id: string, verdict: string, says: string }[] }} Report
 */

const HEAD = `# Programs that were looked at

What \`tcplab check\` found out about programs that everybody knows, as they are, with a configuration as short as can
be and 3 s of patience. Made by \`npm run docs:programs\`, on a machine where they are installed; numbers of
milliseconds are of that machine and that run.

A **risk** is not a bug of the program: it is what somebody who runs it should know and set. Each was looked at by hand
once, with \`tcplab hold … --server\` or \`--client\` and \`ss -tano\`, and is explained below its table.
`;

const KEPT = '*From an earlier run: it was not installed where the rest was made anew.*';

/**
 * @param {{ name: string, target: string }} program
 * @param {string} version
 * @param {Report} report
 */
export function section({ name, target }, version, { command, probes }) {
  const lines = [`## ${name} ${version}`, '', `\`${command}\` (${target})`, ''];
  lines.push('| probe | | what was seen |', '|---|---|---|');
  for (const { id, verdict, says } of probes)
    lines.push(`| ${id} | ${mark(verdict)} | ${says.replaceAll('|', '\\|')} |`);
  const noted = probes.flatMap(({ id, verdict }) => {
    if (verdict !== 'risk' && verdict !== 'fault') return [];
    return [`- **${id}**: ${EXPLAINED[name]?.[id] ?? EXPLAINED['*']?.[id] ?? 'not yet explained.'}`];
  });
  return [...lines, '', ...noted, ''].join('\n');
}

/** @param {string} verdict */
function mark(verdict) {
  return verdict === 'good' ? 'good' : verdict === 'unknown' ? '–' : `**${verdict}**`;
}

/**
 * The document, whole: who is not installed here keeps the section of an earlier run, with a line that says so. Throws
 * when there is none, for a document that lacks a program says nothing of that.
 * @param {string} before the document as it was
 * @param {string[]} names of all programs, in their order
 * @param {ReadonlyMap<string, string>} looked the sections made anew, by name
 */
export function document(before, names, looked) {
  const old = sectionsOf(before);
  const lost = names.filter((name) => !looked.has(name) && !sectionOf(old, name));
  if (lost.length > 0)
    throw new Error(
      `neither installed nor in the document: ${lost.join(', ')}. Install them, and run it again`,
    );
  const sections = names.map((name) => looked.get(name) ?? kept(sectionOf(old, name) ?? ''));
  return `${HEAD}\n${sections.join('\n')}`;
}

/**
 * The sections of a document, without what comes before the first.
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
