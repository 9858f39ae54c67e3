import type { Command } from 'commander';
import { TcplabError } from '../error.ts';
import type { FirewallKind } from '../lab/firewall.ts';
import { formatMatrixJunit, formatMatrixTap } from '../report/files/matrix-files.ts';
import { fails, MATRIX_FORMAT, type MatrixReport } from '../report/story/matrix.ts';
import { TOOL, thisMachine, witnessesWith } from '../report/story/run-started.ts';
import { formatMatrix } from '../report/terminal/matrix-report.ts';
import { styleFor } from '../report/terminal/style.ts';
import { WATCHED_MS } from '../scenario/matrix/drive.ts';
import { runMatrix } from '../scenario/matrix/run.ts';
import { bare, suggestion } from '../suggestion.ts';
import { EVENTS } from '../tcp/matrix/events.ts';
import { ROWS } from '../tcp/matrix/rows.ts';
import { newCommand } from './commands.ts';
import { EXIT } from './exit.ts';
import { helpEnd, OPTION_GROUPS } from './help.ts';
import { addLabOptions, oneMore, openHosts } from './host-options.ts';
import { OutputFile } from './output-file.ts';
import { refuseSameFile } from './same-file.ts';
import type { SettingOptions } from './settings-of.ts';

interface Options extends SettingOptions {
  state?: string[];
  event?: string[];
  json?: boolean;
  junit?: string;
  tap?: string;
  ipv6?: boolean;
  firewall: FirewallKind;
}

export function matrixCommand(): Command {
  const command = newCommand('matrix')
    .argument('[state]', 'state before the event, such as FIN-WAIT-2 (default: all)')
    .argument('[event]', 'event, such as rst-win (default: all)')
    .description(
      'Let each event happen in each state of this kernel, and compare with RFC 9293, 3.10: the reply, the new state, ' +
        'and the error that the program gets. A crafted peer sends the segments and ICMP errors.',
    )
    .optionsGroup(OPTION_GROUPS.first)
    .option('--state <name>', 'one more state (repeatable)', oneMore)
    .option('--event <name>', 'one more event (repeatable)', oneMore)
    .optionsGroup(OPTION_GROUPS.output)
    .option('--json', 'JSON on standard output (schema/matrix.schema.json)')
    .option('--junit <file>', 'JUnit XML report')
    .option('--tap <file>', 'report in the Test Anything Protocol');
  return addLabOptions(command)
    .addHelpText(
      'after',
      helpEnd(
        [
          'tcplab matrix',
          'tcplab matrix TIME-WAIT',
          'tcplab matrix FIN-WAIT-2 rst-win',
          "tcplab matrix --event syn-new --json | jq '.cells[] | {state, answer, after}'",
        ],
        `States: ${ROWS.map(({ name }) => name).join(', ')}. Brackets and spaces may be left out: fin-wait-2-closed.`,
        `Events: ${EVENTS.map(({ name }) => name).join(' ')}.`,
        'Exit status: 0 each cell as the RFC, allowed, or different for a known reason, 1 another difference or a cell not ' +
          'seen, 2 invalid usage, 3 this machine lacks something (see `tcplab doctor`).',
      ),
    )
    .action(matrix);
}

async function matrix(state: string | undefined, event: string | undefined, options: Options): Promise<void> {
  const rows = chosen('state', ROWS, [state ?? [], options.state ?? []].flat());
  const events = chosen('event', EVENTS, [event ?? [], options.event ?? []].flat());
  refuseSameFile({ junit: options.junit, tap: options.tap });
  const [junit, tap] = [options.junit, options.tap].map((file) => file && new OutputFile(file));
  await using hosts = await openHosts(options);
  const startedAt = new Date();
  const family = options.ipv6 ? 'ipv6' : 'ipv4';
  const run = await runMatrix(rows, events, { family, firewall: options.firewall, ...hosts.lab });
  const report: MatrixReport = {
    format: MATRIX_FORMAT,
    tool: TOOL,
    machine: { ...thisMachine(hosts.privilege), witnesses: witnessesWith(run.noKernelEvents === null) },
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    ...{ family, watchedMs: WATCHED_MS, cells: run.cells },
  };
  const { stdout } = process;
  stdout.write(
    options.json ? `${JSON.stringify(report)}\n` : formatMatrix(report, styleFor(stdout), stdout.columns),
  );
  if (junit) junit.finish(formatMatrixJunit(report));
  if (tap) tap.finish(formatMatrixTap(report));
  process.exitCode = report.cells.some(fails) ? EXIT.notProven : EXIT.proven;
}

/** Those that are named, in the order of the matrix; all where none is. */
function chosen<T extends { name: string }>(what: string, all: readonly T[], names: readonly string[]): T[] {
  const plain = (name: string) => bare(name).replace(/[()]/g, '');
  const known = all.map(({ name }) => name);
  for (const name of names) {
    if (known.some((one) => plain(one) === plain(name))) continue;
    const hint = suggestion(name, known, '`tcplab matrix --help` lists all');
    throw new TcplabError('USAGE', `unknown ${what} '${name}'`, { hint });
  }
  return all.filter(({ name }) => names.length === 0 || names.some((one) => plain(one) === plain(name)));
}
