import type { HostName } from '../../evidence/events.ts';
import { boxLine } from '../story/box-report.ts';
import { hostLines } from '../story/host-lines.ts';
import type { ProgramReport, ScenarioResult, WitnessKey } from '../story/result.ts';
import type { RunReport } from '../story/run-report.ts';
import { WITNESS_NAMES } from '../story/witness-lines.ts';
import { formatMs } from '../words/time.ts';
import { TONES } from '../words/tones.ts';
import { pad, WIDEST_TABLE, wrap } from './layout.ts';
import type { Style } from './style.ts';
import { NO_BREAK_SPACE } from './text.ts';

const COLUMNS = { verdict: 11, scenario: 32, state: 14 };
/** With fewer, the states get a line of their own. */
const COLUMNS_FOR_ROWS = 80;

/** What holds each scenario, by its id. */
type HeldBy = (scenario: string) => string | undefined;

/** The table that `tcplab run` prints, on a terminal with so many columns: two lines per scenario, or more. */
export function formatTable(report: RunReport, heldBy: HeldBy, style: Style, columns = 80): string {
  const width = Math.min(columns, WIDEST_TABLE);
  const ids = [...new Set(report.results.map(({ scenario }) => scenario))];
  const groups = ids.map((id) => report.results.filter(({ scenario }) => scenario === id));
  const titles = row('VERDICT', 'SCENARIO', 'CLIENT', 'SERVER', 'REACHED');
  const header = width < COLUMNS_FOR_ROWS ? [] : [style.bold(titles)];
  const rows = groups.map((runs) => formatRuns(runs, heldBy, style, width));
  return `${[...header, ...rows, '', summary(report, style, width)].join('\n')}\n`;
}

/** Of several runs of one scenario the first that is not proven, and how many are. */
function formatRuns(runs: ScenarioResult[], heldBy: HeldBy, style: Style, width: number): string {
  const worst = runs.find(({ verdict }) => verdict !== 'proven') ?? runs[0];
  if (!worst) return '';
  const colour = style[TONES[worst.verdict]];
  const reached = median(runs.flatMap(({ reachedMs }) => reachedMs ?? []));
  const [client, server] = [stateAt(worst, 'client'), stateAt(worst, 'server')];
  const time = reached === undefined ? '' : formatMs(reached);
  const isNarrow = width < COLUMNS_FOR_ROWS;
  const indent = ' '.repeat(isNarrow ? 2 : COLUMNS.verdict);
  const line = isNarrow
    ? `${pad(worst.verdict, COLUMNS.verdict)}${worst.scenario}`
    : row(worst.verdict, worst.scenario, client, server, time);
  const states = isNarrow
    ? [wrap([`client ${client}`, `server ${server}`, time].filter(Boolean).join(' · '), width, indent)]
    : [];
  const details = [[heldBy(worst.scenario), witnesses(worst)].filter(Boolean).join(' · ')];
  if (runs.length > 1) {
    const proven = runs.filter(({ verdict }) => verdict === 'proven').length;
    details.push(`${proven} of ${runs.length} runs proven`);
  }
  const lines = [
    ...details.filter(Boolean),
    ...boxLines(worst),
    ...worst.programs.map(programLine),
    ...worst.notes,
  ].map((text) => style.dim(wrap(text, width, indent).replaceAll(NO_BREAK_SPACE, ' ')));
  const because = worst.because ? [colour(wrap(worst.because, width, indent))] : [];
  const first = colour(line.slice(0, COLUMNS.verdict)) + line.slice(COLUMNS.verdict);
  return [first, ...states, ...because, ...lines].join('\n');
}

function boxLines({ box }: ScenarioResult): string[] {
  return box ? [boxLine(box)] : [];
}

function programLine({ host, command, status, sockets }: ProgramReport): string {
  const holders = (open: boolean) =>
    sockets
      .filter(({ isOpen }) => isOpen === open)
      .map(({ pid, name, fd }) => `${name}, pid ${pid}, fd ${fd}`)
      .join('; ');
  const parts = [
    ['open in', holders(true)],
    ['was open in', holders(false)],
  ].flatMap(([how, who]) => (who ? [`${how} ${who}`] : []));
  const open = parts.length > 0 ? `: ${parts.join('; ')}` : '';
  return `${host}: ${command}${open}${status === null ? '' : `; exited with status ${status}`}`;
}

function row(verdict: string, scenario: string, client: string, server: string, reached: string): string {
  const { verdict: v, scenario: s, state } = COLUMNS;
  // The other columns of a long name are below it.
  const name = scenario.length < s ? pad(scenario, s) : `${scenario}\n${' '.repeat(v + s)}`;
  return (pad(verdict, v) + name + pad(client, state) + pad(server, state) + reached.padStart(9)).trimEnd();
}

/** The held end is marked. A state that was not reached has no witnesses. */
function stateAt({ host: held, state, peer, reachedMs }: ScenarioResult, host: HostName): string {
  if (reachedMs === null) return '?';
  if (host === held) return `${state}*`;
  // A socket that is connected to itself is both ends.
  return peer.host === host ? (peer.state ?? '?') : 'itself';
}

function witnesses({ witnesses }: ScenarioResult): string {
  return (
    Object.entries(witnesses)
      .map(
        ([key, { agrees }]) =>
          `${WITNESS_NAMES[key as WitnessKey]} ${agrees === null ? '–' : agrees ? '✓' : '✗'}`,
      )
      // A witness and its mark stay on one line.
      .map((testimony) => testimony.replaceAll(' ', NO_BREAK_SPACE))
      .join('  ')
  );
}

function summary({ results, machine, durationMs }: RunReport, style: Style, width: number): string {
  const proven = results.filter(({ verdict }) => verdict === 'proven').length;
  const colour = proven === results.length ? style.good : style.bad;
  const blind = whyBlind(results) ?? (machine.privilege === 'root' ? undefined : NEED_ROOT);
  const isBlind = !machine.witnesses.includes('kernel-events') && !results.some(({ hosts }) => hosts);
  const witnesses =
    isBlind && blind !== undefined
      ? `\n${wrap(`Two witnesses, without kernel events: ${blind}.`, width)}`
      : '';
  const hosts = results.find((result) => result.hosts)?.hosts;
  const about = hosts ? hostLines(hosts).map((line) => `\n${wrap(line, width, '  ').trimStart()}`) : [];
  const legend = "* held end   ✓ agrees   ✗ contradicts   – can't see this state";
  return `${colour(`${proven} of ${results.length} proven`)} in ${formatMs(durationMs)}${witnesses}${about.join('')}\n${style.dim(wrap(legend, width))}`;
}

const NEED_ROOT = 'kernel events need root';

/** The reason that the kernel-events witness gives, if it was used. */
function whyBlind(results: readonly ScenarioResult[]): string | undefined {
  return results.map(({ witnesses }) => witnesses.kernelEvents?.why).find(Boolean);
}

function median(numbers: number[]): number | undefined {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
