import type { Command } from 'commander';
import { readSysctl } from '../kernel/sysctl.ts';
import { explainArcs, explainScenario, explainState } from '../report/guide/explain.ts';
import { formatSections, textSections } from '../report/guide/sections.ts';
import { styleFor } from '../report/terminal/style.ts';
import { parseSysctls } from '../tcp/sysctls.ts';
import { subjectNamed } from './arguments.ts';
import { newCommand } from './commands.ts';
import { helpEnd } from './help.ts';

export function explainCommand(): Command {
  return newCommand('explain')
    .description(
      'Explain a state, scenario or transition: how a connection enters the state, what ends it and when (with the ' +
        'sysctls of this machine), what it means in production, what to do, and how to make it with nc and iptables.',
    )
    .argument('<name>', 'a state in any spelling, a scenario, or a transition (see `tcplab list`)')
    .option('--json', 'JSON array of {title, text} on standard output')
    .addHelpText(
      'after',
      helpEnd(
        [
          'tcplab explain CLOSE-WAIT',
          'tcplab explain close-wait-never-accepted',
          "tcplab explain 'SYN-SENT>CLOSED'",
        ],
        'Exit status: 0, or 2 for invalid usage.',
      ),
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
