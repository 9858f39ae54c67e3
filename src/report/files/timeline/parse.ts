import { type RunStarted, TIMELINE_FORMAT, type TimelineLine } from '../../../evidence/events.ts';
import { flawOfLine } from '../../../evidence/line-shapes.ts';
import { isObject } from '../../../evidence/shape.ts';
import { printableJson } from '../../../printable.ts';
import { type Line, LineError } from './lines.ts';

/** The error for a truncated file. */
export const CUT = 'the file was cut: was the run still going on, or did the disk fill up?';

export function parseLine({ number, text, ended }: Line): TimelineLine {
  const value = parseJson(text);
  if (value === undefined) {
    throw ended
      ? new LineError(number, 'expected an event, found no JSON')
      : new LineError(number, 'expected the rest of an event, found the end of the file', CUT);
  }
  const flaw = flawOfLine(value);
  if (flaw !== undefined) throw new LineError(number, flaw);
  return value as TimelineLine;
}

/** The first line has the file's format and version. */
export function parseFirstLine(line: Line): RunStarted {
  const value = parseJson(line.text);
  const format = isObject(value) ? value['format'] : undefined;
  if (isNewer(format)) {
    throw new LineError(
      line.number,
      `expected ${TIMELINE_FORMAT}, found ${format}: it is newer than this tcplab`,
      'update tcplab, or replay it with the one that saved it',
    );
  }
  if (value === undefined && !line.ended && line.text?.startsWith('{"type":"run-started"')) parseLine(line);
  const event = isObject(value) && value['type'] === 'run-started' ? parseLine(line) : undefined;
  if (event?.type === 'run-started') return event;
  const found = typeof format === 'string' && format.startsWith('tcplab.') ? `, found ${format}` : '';
  throw new LineError(
    line.number,
    `expected run-started, the first event of a timeline${found}`,
    '`tcplab run --timeline FILE` saves one',
  );
}

function isNewer(format: unknown): boolean {
  const [own, version] = TIMELINE_FORMAT.split('/');
  const [kind, found] = typeof format === 'string' ? format.split('/') : [];
  return kind === own && Number(found) > Number(version);
}

function parseJson(text: string | null): unknown {
  try {
    return text === null ? undefined : JSON.parse(printableJson(text));
  } catch {
    return undefined;
  }
}
