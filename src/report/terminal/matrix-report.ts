import type { Cell, CellVerdict } from '../../scenario/matrix/cell.ts';
import { VERDICTS } from '../../scenario/matrix/cell.ts';
import {
  cameOf,
  countVerdicts,
  describeOutcome,
  fails,
  type MatrixReport,
  reasonsOf,
} from '../story/matrix.ts';
import { formatMs } from '../words/time.ts';
import { pad, WIDEST_TABLE, wrap, wrapBeside } from './layout.ts';
import type { Style } from './style.ts';

const TONES: Record<CellVerdict, 'good' | 'bad' | 'unsure'> = {
  'as the RFC': 'good',
  allowed: 'good',
  differs: 'bad',
  'not seen': 'unsure',
};

const [VERDICT, EVENT, ANSWER, AFTER, NAME] = [12, 16, 9, 14, 22];

/** What `tcplab matrix` prints, on a terminal with so many columns: a count of all states, the table of one, or all of one cell. */
export function formatMatrix(report: MatrixReport, style: Style, columns = 80): string {
  const width = Math.min(columns, WIDEST_TABLE);
  const { cells } = report;
  const [first] = cells;
  const states = new Set(cells.map(({ state }) => state));
  const lines =
    cells.length === 1 && first
      ? detailsOf(first, style, width)
      : states.size === 1
        ? [style.bold(first?.state ?? ''), ...cells.flatMap((cell) => rowOf(cell, style, width))]
        : overview(cells, [...states], style, width);
  return `${[...lines, '', summary(report, style, width)].join('\n')}\n`;
}

function overview(cells: readonly Cell[], states: readonly string[], style: Style, width: number): string[] {
  const head =
    pad('STATE', NAME) +
    VERDICTS.map((verdict) => verdict.toUpperCase().padStart(verdict.length + 1)).join('');
  const counts = states.map((state) => {
    const numbers = countVerdicts(cells.filter((cell) => cell.state === state));
    const columns = numbers.map((number, index) =>
      String(number).padStart((VERDICTS[index] ?? '').length + 1),
    );
    return pad(state, NAME) + columns.join('');
  });
  const others = cells.filter((cell) => cell.verdict === 'differs' || fails(cell));
  const details = others.flatMap((cell) => [
    ...wrapBeside(`${cell.state} ${cell.event}: `, style[TONES[cell.verdict]](cameOf(cell)), width),
    ...reasonsOf(cell).map((reason) => style.dim(wrap(reason, width, '  '))),
  ]);
  return [style.bold(head), ...counts, ...(details.length > 0 ? ['', ...details] : [])];
}

function rowOf(cell: Cell, style: Style, width: number): string[] {
  const { verdict, event, answer, after, outcomes, call } = cell;
  const gave = call === null ? '' : `  ${call}`;
  const line = `${pad(verdict, VERDICT)}${pad(event, EVENT)}${pad(answer ?? '?', ANSWER)}${pad(after ?? '?', AFTER)}`;
  const clause = verdict === 'as the RFC' ? (outcomes[0]?.clause ?? '') : '';
  const whole = `${line.trimEnd()}${gave}`;
  const isWide = line.length + gave.length + clause.length <= width;
  const text = isWide && clause ? pad(whole, line.length) + clause : whole;
  const reasons = reasonsOf(cell).map((reason) => style.dim(wrap(reason, width, '    ')));
  return [style[TONES[verdict]](text.slice(0, VERDICT)) + text.slice(VERDICT), ...reasons];
}

function detailsOf(cell: Cell, style: Style, width: number): string[] {
  const { state, event, verdict, outcomes, because, call, error, segments, witnesses } = cell;
  const labeled = (label: string, text: string) => wrapBeside(pad(label, VERDICT), text, width);
  const [word, ...allowed] = outcomes.map(describeOutcome);
  const states = Object.entries(witnesses).map(
    ([name, fitting]) => `${name}: ${fitting.join(' or ') || "can't know"}`,
  );
  return [
    `${style.bold(`${state} ${event}`)}: ${style[TONES[verdict]](verdict)}`,
    ...labeled('came', cameOf(cell)),
    ...labeled('the RFC', word ?? ''),
    ...allowed.flatMap((text) => labeled('allowed', text)),
    ...(because === null ? [] : labeled('because', because)),
    ...(call === null ? [] : labeled('call', call)),
    ...(error === null ? [] : labeled('SO_ERROR', error)),
    ...segments.flatMap(({ flags, seq, ack, length, afterMs, retransmission }) =>
      labeled(
        'sent',
        `[${flags}] seq ${seq}${ack === null ? '' : `, ack ${ack}`}, ${length} bytes, after ${afterMs} ms${retransmission ? ' (retransmission)' : ''}`,
      ),
    ),
    ...states.flatMap((text) => labeled('state by', text)),
  ];
}

function summary({ cells, durationMs, watchedMs }: MatrixReport, style: Style, width: number): string {
  const counts = countVerdicts(cells).map((count, index) => `${count} ${VERDICTS[index]}`);
  const failed = cells.filter(fails).length;
  const text = `${cells.length} ${cells.length === 1 ? 'cell' : 'cells'} in ${formatMs(durationMs)}: ${counts.join(', ')}; each watched for ${watchedMs} ms after its event`;
  const lines = [(failed > 0 ? style.bad : style.good)(wrap(text, width))];
  if (failed > 0) lines.push(style.bad(wrap(`${failed} not seen, or different for no known reason`, width)));
  return lines.join('\n');
}
