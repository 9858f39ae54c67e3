#!/usr/bin/env node
// Generates docs/matrix.md: every event in every state of this machine's kernel, and what RFC 9293 says. Takes some seconds.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

build(root);
const { describeOutcome, countVerdicts, reasonsOf } = await import(
  join(root, 'build/report/story/matrix.js')
);
const { VERDICTS } = await import(join(root, 'build/scenario/matrix/cell.js'));
const run = spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), 'matrix', '--json'], {
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
  stdio: ['ignore', 'pipe', 'inherit'],
});
if (run.status !== 0) {
  process.stderr.write(run.stdout && 'matrix: a cell was not seen, or differs for no known reason\n');
  process.exit(run.status || 1);
}
const report = JSON.parse(run.stdout);
writeFileSync(join(root, 'docs/matrix.md'), page(report));

function page({ machine, cells }) {
  const states = [...new Set(cells.map(({ state }) => state))];
  const counts = countVerdicts(cells).map((count, index) => `${count} ${VERDICTS[index]}`);
  return `# Every event in every state

This page lists what Linux ${machine.kernel.replace(/-.*/, '')} (${machine.arch}) does with each event in each state, and what RFC 9293, 3.10, says.
\`npm run docs:matrix\` generates it from a run of \`tcplab matrix\`. \`tcplab matrix --help\` names the
events; \`tcplab matrix STATE EVENT\` shows one cell with its segments and witnesses.

- **as the RFC**: the reply and the new state are what the RFC says first.
- **allowed**: the RFCs allow this outcome too.
- **differs**: no RFC that tcplab reads allows it. The reason is Linux's source.
- **not seen**: the event could not happen, because no descriptor refers to the connection.

${cells.length} cells: ${counts.join(', ')}.

${states
  .map((state) =>
    section(
      state,
      cells.filter((cell) => cell.state === state),
    ),
  )
  .join('\n')}`;
}

function section(state, cells) {
  const rows = cells.map((cell) => {
    const { event, answer, after, call, error, verdict, outcomes } = cell;
    const program = [call, error].filter((word) => word !== null).join(', ');
    const why = verdict === 'as the RFC' ? describeClause(outcomes[0]) : reasonsOf(cell).join('; ');
    return `| ${event} | ${answer} | ${after} | ${program} | ${verdict} | ${why} |`;
  });
  return `## ${state}

| event | reply | state afterwards | program gets | verdict | the RFC, and why |
|---|---|---|---|---|---|
${rows.join('\n')}
`;
}

function describeClause(outcome) {
  return describeOutcome(outcome).replace(/^.*? \((.*)\)$/, '$1');
}
