import { Command } from 'commander';
import { readSysctl } from '../kernel/sysctl.ts';
import { explainArcs, explainScenario, explainState } from '../report/explain.ts';
import { formatSections, textSections } from '../report/sections.ts';
import { styleFor } from '../report/style.ts';
import { parseSysctls } from '../tcp/sysctls.ts';
import { subjectNamed } from './arguments.ts';

export function explainCommand(): Command {
  return new Command('explain')
    .summary('explain a state, a scenario or a transition')
    .description(
      'Explain a state, a scenario or a transition.\n\n' +
        'Of a state: how a connection gets there, what ends it and when (by the sysctls of this\n' +
        'machine), what it means in production, what to do, and how to make it with nc and iptables.',
    )
    .argument('<name>', 'state in any spelling, scenario, or transition (tcplab list, tcplab arcs)')
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
  const settings = { sysctls: parseSysctls(readSysctl), of: 'this machine' };
  const sections =
    'state' in subject
      ? explainState(subject.state, settings)
      : 'arcs' in subject
        ? explainArcs(subject.arcs)
        : explainScenario(subject.scenario, settings);
  const { bold } = styleFor(process.stdout);
  const { columns = 80 } = process.stdout;
  process.stdout.write(
    json ? `${JSON.stringify(textSections(sections))}\n` : formatSections(sections, { columns, bold }),
  );
}
