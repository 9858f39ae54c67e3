import { Command } from 'commander';
import { readSysctl } from '../kernel/sysctl.ts';
import { explainScenario, explainState, formatSections } from '../report/explain.ts';
import { styleFor } from '../report/style.ts';
import { parseSysctls } from '../tcp/sysctls.ts';
import { subjectNamed } from './arguments.ts';

export function explainCommand(): Command {
  return new Command('explain')
    .summary('what a state or scenario is, what ends it, what to do about it')
    .description(
      'Explains a state or a scenario: who goes there and on what, what ends it and when on this\n' +
        'machine (by its sysctls, now), what it means in production, and what to do.',
    )
    .argument('<name>', 'a state in any spelling, or a scenario (see `tcplab list`)')
    .option('--json', 'print an array of {title, text}')
    .addHelpText(
      'after',
      '\nExamples:\n  tcplab explain CLOSE-WAIT\n  tcplab explain close-wait-never-accepted',
    )
    .action(explain);
}

function explain(name: string, { json }: { json?: boolean }): void {
  const subject = subjectNamed(name);
  const sysctls = parseSysctls(readSysctl);
  const sections =
    'state' in subject ? explainState(subject.state, sysctls) : explainScenario(subject.scenario, sysctls);
  const { bold } = styleFor(process.stdout);
  process.stdout.write(json ? `${JSON.stringify(sections)}\n` : formatSections(sections, { bold }));
}
