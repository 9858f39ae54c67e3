import { Command } from 'commander';
import { readSysctl } from '../kernel/sysctl.ts';
import { explainArcs, explainScenario, explainState, formatSections } from '../report/explain.ts';
import { styleFor } from '../report/style.ts';
import { parseSysctls } from '../tcp/sysctls.ts';
import { subjectNamed } from './arguments.ts';

export function explainCommand(): Command {
  return new Command('explain')
    .summary('what a state, scenario or arc is, what ends it, what to do about it')
    .description(
      'Explains a state or a scenario: who goes there and on what, what ends it and when on this\n' +
        'machine (by its sysctls, now), what it means in production, and what to do. Of an arc:\n' +
        'on what it is taken, by which clause, and what drives it.',
    )
    .argument('<name>', 'a state in any spelling, a scenario, or an arc (see `tcplab list`, `tcplab arcs`)')
    .option('--json', 'print an array of {title, text}')
    .addHelpText(
      'after',
      `
Examples:
  tcplab explain CLOSE-WAIT
  tcplab explain close-wait-never-accepted
  tcplab explain 'SYN-SENT>CLOSED'`,
    )
    .action(explain);
}

async function explain(name: string, { json }: { json?: boolean }): Promise<void> {
  const subject = await subjectNamed(name);
  const sysctls = parseSysctls(readSysctl);
  const sections =
    'state' in subject
      ? explainState(subject.state, sysctls)
      : 'arcs' in subject
        ? explainArcs(subject.arcs)
        : explainScenario(subject.scenario, sysctls);
  const { bold } = styleFor(process.stdout);
  process.stdout.write(json ? `${JSON.stringify(sections)}\n` : formatSections(sections, { bold }));
}
