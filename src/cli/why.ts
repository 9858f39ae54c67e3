import { type Command, Option } from 'commander';
import { diagnose, diagnosePaste } from '../diagnosis/diagnose.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { TcplabError } from '../error.ts';
import { type WhyReport, type WhySource, whyReport } from '../report/story/why.ts';
import { styleFor } from '../report/terminal/style.ts';
import { formatWhy } from '../report/terminal/why-report.ts';
import { readTables } from '../tables/read.ts';
import { durationOption, parseWholeNumber } from './arguments.ts';
import { newCommand } from './commands.ts';
import { EXIT } from './exit.ts';
import { helpEnd } from './help.ts';
import { machineIn, type WhyInput, whyInput } from './why-input.ts';
import { watchSockets } from './why-watch.ts';

interface Options {
  pid?: number;
  json?: boolean;
  failOn?: 'leak';
  watch?: boolean;
  for?: number;
}

export function whyCommand(): Command {
  return newCommand('why')
    .description(
      'Explain the TCP sockets of this machine, of another host, or of a pasted table: the cause, the age and the end of ' +
        'each group of like sockets, its program, and which side must act. Reads the output of ss, netstat, lsof, ' +
        '/proc/net/tcp and conntrack, with prompts and wrapped lines.',
    )
    .argument(
      '[source]',
      'a file, - for standard input, or a host: ssh:user@host, exec:COMMAND, pid:NUMBER, netns:NAME, local',
    )
    .option('--pid <pid>', 'only the sockets of this process', parseWholeNumber)
    .option('--watch', 'go on looking until Ctrl-C: what came, went and grew')
    .addOption(durationOption('--for <duration>', 'with --watch: time after which it ends, such as 60s'))
    .addOption(
      new Option(
        '--fail-on <what>',
        'exit status 1 if a program does not close; with --watch: if more are left than before',
      ).choices(['leak']),
    )
    .option('--json', 'JSON on standard output (schema/why.schema.json)')
    .addHelpText(
      'after',
      helpEnd(
        [
          'sudo tcplab why',
          'tcplab why netstat.txt',
          'ss -tanpoie | tcplab why -',
          'tcplab why ssh:user@host',
          "tcplab why 'exec:kubectl exec -i pod/web --'",
          'tcplab why --pid 4711 --watch',
          'tcplab why --json | jq .verdict',
          'tcplab why --fail-on leak',
        ],
        "Root sees the owner of every socket, you see your own. Of a pasted table, times hold if the machine has Linux's defaults; " +
          'add its sysctls to the text (`sysctl net.ipv4`) and they are used.',
        'Exit status: 0 answered; 1 a leak, with --fail-on leak; 2 invalid usage, or nothing readable; 3 this machine lacks something.',
      ),
    )
    .action(why);
}

async function why(source: string | undefined, options: Options): Promise<void> {
  if (options.for !== undefined && !options.watch)
    throw new TcplabError('USAGE', '--for requires --watch', { hint: 'tcplab why --watch --for 60s' });
  const input = await whyInput(source, options.pid);
  if (options.watch) {
    const gained = await watchSockets(machineIn(input), options);
    if (options.failOn === 'leak' && gained) process.exitCode = EXIT.notProven;
    return;
  }
  const report = reportOf(input);
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else {
    const width = process.stdout.columns || 80;
    process.stdout.write(formatWhy(report, { style: styleFor(process.stdout), width }));
  }
  if (options.failOn === 'leak' && isLeak(report)) process.exitCode = EXIT.notProven;
}

function reportOf(input: WhyInput): WhyReport {
  if (input.kind === 'machine') {
    const seen = input.sockets.read(input.pid);
    input.sockets.close();
    return whyReport(sourceOf(input), diagnose(seen), { tables: seen.tables, unread: [], otherProtocols: 0 });
  }
  const paste = readTables(input.text);
  if (paste.tables.length === 0) throw nothingRead(input.name, paste.unread);
  return whyReport(sourceOf(input), diagnosePaste(paste), paste);
}

function sourceOf({ kind, name }: WhyInput): WhySource {
  return { kind, name };
}

function nothingRead(name: string, unread: WhyReport['unread']): TcplabError {
  const [first] = unread;
  const what = first
    ? `line ${first.line} is ${first.why}${unread.length > 1 ? `, and so are ${unread.length - 1} more` : ''}`
    : 'it is empty';
  return new TcplabError('USAGE', `no table of TCP sockets in ${name}: ${what}`, {
    hint: 'expected what `ss -tanp`, `netstat -tanp`, `lsof -nP -iTCP`, `cat /proc/net/tcp` or `conntrack -L` prints',
  });
}

function isLeak({ verdict, groups }: Pick<Diagnosis, 'verdict' | 'groups'>): boolean {
  return (
    verdict.leaks !== null || groups.some(({ holds, wrong }) => holds === 'program-did-not-close' && wrong)
  );
}
