import type { HostAbout, HostName } from '../../evidence/events.ts';
import { hostLines } from '../story/host-lines.ts';
import type { ScenarioResult } from '../story/result.ts';
import type { Report } from '../story/run-report.ts';
import { formatMs } from '../words/time.ts';
import { pad, wrap } from './layout.ts';
import type { Style } from './style.ts';

export const PAIRS_FORMAT = 'tcplab.pairs/1';

/** What came of one pair of hosts. */
export interface PairReport {
  name: string;
  client: string;
  server: string;
  /** Null when it could not be reached. */
  hosts: Record<HostName, HostAbout> | null;
  /** Why nothing was run between them; null when something was. */
  error: string | null;
  results: ScenarioResult[];
}

/** Something of a scenario that is not the same between all pairs. */
export interface Difference {
  scenario: string;
  what: 'verdict' | 'states of the client' | 'states of the server' | 'errnos';
  /** Each of the values, with the names of the pairs that have it. */
  values: { value: string; pairs: string[] }[];
}

/** What `tcplab run --pairs FILE --json` prints. */
export interface PairsReport extends Report {
  format: typeof PAIRS_FORMAT;
  pairs: PairReport[];
  differences: Difference[];
}

const FACETS: Record<Difference['what'], (result: ScenarioResult) => string> = {
  verdict: ({ verdict }) => verdict,
  'states of the client': ({ transitions }) => transitions.client.join(' → '),
  'states of the server': ({ transitions }) => transitions.server.join(' → '),
  // Times differ anyway.
  errnos: ({ notes }) => notes.flatMap((note) => /^(.+: E[A-Z]+) after/.exec(note)?.[1] ?? []).join(', '),
};

/** Compares the scenarios of all pairs. */
export function differencesOf(pairs: readonly PairReport[]): Difference[] {
  const ids = [...new Set(pairs.flatMap(({ results }) => results.map(({ scenario }) => scenario)))];
  return ids.flatMap((scenario) =>
    (Object.keys(FACETS) as Difference['what'][]).flatMap((what) => {
      const having = new Map<string, string[]>();
      for (const { name, results } of pairs) {
        const result = results.find((one) => one.scenario === scenario);
        if (!result) continue;
        const value = FACETS[what](result);
        having.set(value, [...(having.get(value) ?? []), name]);
      }
      const values = [...having].map(([value, names]) => ({ value, pairs: [...new Set(names)] }));
      return values.length > 1 ? [{ scenario, what, values }] : [];
    }),
  );
}

const WIDTH = 80;

/** Each pair with its hosts and what was not proven, then what is not the same everywhere. */
export function formatPairs(report: PairsReport, style: Style): string {
  const lines = report.pairs.flatMap((pair) => linesOf(pair, style));
  const differences = report.differences.flatMap(({ scenario, what, values }) => [
    `${scenario}: ${what}`,
    ...values.map(({ value, pairs }) => wrap(`${value || 'none'}: ${pairs.join(', ')}`, WIDTH, '  ')),
  ]);
  const proven = report.pairs.filter(isProven).length;
  const colour = proven === report.pairs.length ? style.good : style.bad;
  const compared = report.pairs.length > 1 && report.pairs.every(({ error }) => error === null);
  const same = differences.length === 0 && compared ? ['', 'No differences between the pairs.'] : [];
  return [
    ...lines,
    ...(differences.length > 0 ? ['', style.bold('Differences'), ...differences] : same),
    '',
    `${colour(`${proven} of ${report.pairs.length} pairs proven`)} in ${formatMs(report.durationMs)}`,
    '',
  ].join('\n');
}

function linesOf(pair: PairReport, style: Style): string[] {
  const { name, error, hosts, results } = pair;
  const proven = results.filter(({ verdict }) => verdict === 'proven').length;
  const colour = isProven(pair) ? style.good : style.bad;
  const broken = results.length > 0 ? 'interrupted' : 'unreachable';
  const said = error === null ? `${proven} of ${results.length} proven` : broken;
  const others = results.filter(({ verdict }) => verdict !== 'proven');
  return [
    `${colour(pad(said, 18))}${name}`,
    ...(hosts ? hostLines(hosts).map((line) => style.dim(wrap(line, WIDTH, '  '))) : []),
    ...(error === null ? [] : [wrap(error, WIDTH, '  ')]),
    ...others.map(({ scenario, verdict, because }) =>
      wrap(`${verdict} ${scenario}: ${because}`, WIDTH, '  '),
    ),
  ];
}

/** All that was run between them, and it was run to its end. */
export function isProven({ error, results }: PairReport): boolean {
  return error === null && results.every(({ verdict }) => verdict === 'proven');
}
