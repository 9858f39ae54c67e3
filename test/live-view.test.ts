import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ScenarioResult } from '../src/report/story/result.ts';
import { segmentLegend, segmentLines } from '../src/report/terminal/segment-line.ts';
import { columnsOf } from '../src/report/terminal/text.ts';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import { eventually, inTime, TCPLAB, temporaryFolder } from './cli.ts';
import { type Terminal, Tmux } from './tmux.ts';

const WIDTHS = [40, 60, 80, 100, 140, 200];
const RESIZED = [200, 140, 100, 80, 60, 40, 100];
const ROWS = 40;
/** In that time a hold looks three times, and draws three times. */
const SEVERAL_LOOKS_MS = 600;
const AT_A_TIME = 13;

/** What a terminal shows at a width: all lines, scrolled away or not. */
interface Shown {
  columns: number;
  lines: string[];
}

/** A watched hold: its screens, the lines left at the end, and its result from a file. */
interface Watched {
  screens: Shown[];
  end: string[];
  result: ScenarioResult;
}

const tmux = new Tmux();
const folder = temporaryFolder();

/**
 * What an evening leaves on a terminal. When a screen that is nearly empty gets narrower, tmux scrolls away what wraps on
 * it, the status too, which then can't be drawn over.
 */
const EARLIER = '~ an earlier command';
const FILL = `yes '${EARLIER}' | head -n ${ROWS}`;

/** Holds a scenario in a terminal that gets these sizes, one after the other, and lets it draw several times in each. */
async function watch(
  id: string,
  widths: number[],
  rows = ROWS,
  enough?: (lines: string[]) => boolean,
): Promise<Watched> {
  const file = join(folder, `${id}-${widths.join('-')}-${rows}.json`);
  rmSync(file, { force: true });
  const command = `${TCPLAB.map((part) => `'${part}'`).join(' ')} hold ${id} --json > '${file}.part'; mv '${file}.part' '${file}'`;
  const terminal = await tmux.open(`${FILL}; ${command}`, widths[0] ?? 80, rows);
  const screens: Shown[] = [];
  let heldMs = 0;
  for (const columns of widths) {
    if (columns !== terminal.columns) await terminal.resize(columns, rows);
    const lines = enough
      ? await terminal.until(enough, 'enough')
      : await settled(terminal, heldMs + SEVERAL_LOOKS_MS);
    // The kernel may end a request for a connection, and so the hold.
    if (hasEnded(lines)) break;
    heldMs = heldMsIn(lines) ?? 0;
    screens.push({ columns, lines: withoutEarlier(lines) });
  }
  await terminal.press('C-c');
  const end = withoutEarlier(await terminal.until(hasEnded, 'the end'));
  // The JSON is written after the last line of the screen.
  await eventually('the JSON to be whole', () => existsSync(file));
  return { screens, end, result: JSON.parse(readFileSync(file, 'utf8')) as ScenarioResult };
}

/** Drops what was there before; none of it is gone. */
function withoutEarlier(lines: string[]): string[] {
  const at = lines.lastIndexOf(EARLIER) + 1;
  expect(lines.slice(0, at)).toEqual(Array(ROWS).fill(EARLIER));
  return lines.slice(at);
}

/** The lines when the status says that the state has been held for so long. */
function settled(terminal: Terminal, fromMs: number): Promise<string[]> {
  return terminal.until(
    (lines) => (heldMsIn(lines) ?? -1) >= fromMs || hasEnded(lines),
    `held for ${fromMs} ms`,
  );
}

function hasEnded(lines: string[]): boolean {
  return lines.some((line) => /^(dis|un)?proven, held for/.test(line));
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, min: 60_000 };

function heldMsIn(lines: string[]): number | undefined {
  const [, number, unit = ''] =
    /([\d.]+) (ms|s|min)(?: \d+ s)? in [A-Z0-9-]+, reached/.exec(text(lines)) ?? [];
  return number === undefined ? undefined : Number(number) * (UNITS[unit] ?? 0);
}

function text(lines: string[]): string {
  return lines.join(' ').replaceAll(/\s+/g, ' ').trim();
}

/** The lines above the status; there is one blank line, that before it. */
function parts({ lines }: Shown): { log: string[]; status: string[] } {
  expect(lines.filter((line) => line === '')).toEqual(['']);
  const at = lines.indexOf('');
  return { log: lines.slice(0, at), status: lines.slice(at + 1) };
}

/** Takes from the beginning of `log` what was to be printed at any of these widths; gives what is left. */
function without(log: string[], linesAt: (columns: number) => string[], widths: number[]): string[] | null {
  for (const columns of widths) {
    const expected = linesAt(columns);
    if (JSON.stringify(log.slice(0, expected.length)) === JSON.stringify(expected))
      return log.slice(expected.length);
  }
  return null;
}

/** Expects title, legend, and each segment once and in order, and nothing else; gives how many segments. */
function expectLog(
  log: string[],
  { scenario, segments, connection }: ScenarioResult,
  widths: number[],
): number {
  const isToItself = connection?.client === connection?.server;
  const title = CATALOGUE.find(({ id }) => id === scenario)?.title;
  const legend = segmentLegend(widths[0] ?? 80, isToItself);
  const begin = log.indexOf(legend[0] ?? '');
  expect(text(log.slice(0, begin))).toBe(`${scenario}: ${title}`);
  let rest = log.slice(begin);
  expect(rest.splice(0, legend.length)).toEqual(legend);
  let count = 0;
  for (const segment of segments) {
    const after = without(rest, (columns) => segmentLines(segment, columns, isToItself), widths);
    if (!after) break;
    rest = after;
    count++;
  }
  expect(rest).toEqual([]);
  return count;
}

/** The status with all that changes with time left out. */
function lasting(status: string[]): string {
  return text(status)
    .replaceAll(/[\d.]+ (ms|s|min \d+ s)\b/g, 'TIME')
    .replaceAll(/\d+ (left|packets?)\b/g, 'N $1')
    .replaceAll('packets', 'packet')
    .replaceAll('sends nothing more', 'retransmits in TIME (N left)')
    .replaceAll(
      /(retransmits|sends a)( the SYN| the SYN-ACK| [a-z-]+ probe)? in TIME( \(N left\))?/g,
      'sends in TIME',
    );
}

function statusPattern({ host, state, peer, connection, rules }: ScenarioResult): RegExp {
  // A FIN-WAIT-2 whose program has closed it ends after a minute.
  const otherState = peer.state === 'FIN-WAIT-2' ? '(FIN-WAIT-2|CLOSED)' : peer.state;
  const end = (name: 'client' | 'server') =>
    `${name} ${connection?.[name]} ${name === host ? state : otherState}( .*)?`;
  const ends = peer.host === host ? end(host) : `${end('client')} ${end('server')}`;
  const escaped = (words: string) => words.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const ruleLines = rules
    .map(
      (rule) =>
        ` ${rule.host} ${escaped(rule.rule)}: N packet${rule.liftedMs === undefined ? '' : '( \\(removed after TIME\\))?'}`,
    )
    .join('');
  return new RegExp(`^${ends}${ruleLines} TIME in ${state}, reached in TIME Ctrl-C stops the hold$`);
}

function expectWhole({ screens, end, result }: Watched): void {
  const widths = screens.map(({ columns }) => columns);
  let told = 0;
  for (const [index, screen] of screens.entries()) {
    const { log, status } = parts(screen);
    const count = expectLog(log, result, widths.slice(0, index + 1));
    expect(count).toBeGreaterThanOrEqual(told);
    told = count;
    expect(status.filter((line) => columnsOf(line) > screen.columns)).toEqual([]);
    expect(lasting(status)).toMatch(statusPattern(result));
  }
  // Whatever was sent until a look before the last screen was on it.
  const blank = end.indexOf('');
  expect(expectLog(end.slice(0, blank), result, widths)).toBe(result.segments.length);
  expect(text(end.slice(blank))).toMatch(/ (proven|unproven|disproven), held for [\d.]+ m?s.*$/);
  expect(text(end)).not.toContain('Ctrl-C');
}

/** The kernel ends this state by itself after a second; the last screen may be of the moment in which it did. */
function mayHaveEnded({ scenario, reachedMs, heldMs }: ScenarioResult): boolean {
  return scenario === 'syn-received-dropped-at-server' && (reachedMs ?? 0) + (heldMs ?? 0) > 900;
}

const resized = new Map<string, Watched>();

beforeAll(async () => {
  const waiting = CATALOGUE.map(({ id }) => id);
  const work = async () => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      resized.set(
        id,
        await inTime(
          () => watch(id, RESIZED),
          ({ result }) => [result],
          mayHaveEnded,
        ),
      );
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}, 300_000);

describe('the live view of tcplab hold', () => {
  it.each(CATALOGUE.map(({ id }) => id))(
    '%s is whole at every width to which its terminal is resized',
    (id) => {
      const watched = resized.get(id);
      if (!watched) throw new Error('it was not watched');
      expectWhole(watched);
      if (watched.result.verdict === 'proven') expect(watched.screens).toHaveLength(RESIZED.length);
    },
  );

  it.concurrent.each(WIDTHS)(
    'is whole in a terminal that has %i columns from the beginning',
    async (columns) => {
      for (const id of ['syn-received', 'fin-wait-1']) expectWhole(await watch(id, [columns]));
    },
  );

  it('keeps a short terminal whole too: what does not fit is counted', async () => {
    const retransmitted = (lines: string[]) =>
      lines.filter((line) => line.includes('[S.] SYN-ACK')).length > 2;
    const { screens, end, result } = await watch('syn-received', [80], 10, retransmitted);
    const { log, status } = parts(screens[0] as Shown);
    expectLog(log, result, [80]);
    expect(status).toHaveLength(8);
    expect(status.at(-2)).toMatch(/^… \d more lines \(too few rows\)$/);
    expect(status.at(-1)).toBe('Ctrl-C stops the hold');
    expect(text(end.slice(end.indexOf('')))).toMatch(
      /rule 1: .* in SYN-RECEIVED, reached in .* proven, held for/,
    );
  });
});
