import type { ProbeVerdict } from '../check/finding.ts';
import type { By } from '../check/probe.ts';
import type { Target } from '../check/run-check.ts';
import { TcplabError } from '../error.ts';
import { printable } from '../printable.ts';
import { CHECK_FORMAT } from '../report/terminal/check-report.ts';
import { readInput } from './input-file.ts';

type Found = { id: string; by?: By; code: string; verdict: ProbeVerdict };

/** The findings of an earlier `tcplab check --json`. Throws USAGE if the file is something else. */
export async function readBaseline(path: string, target: Target): Promise<Found[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readInput(path)) pieces.push(piece);
  const refuse = (why: string) =>
    new TcplabError('USAGE', `--baseline ${printable(path)}: ${why}`, {
      hint: `make it with \`tcplab check ${target} ... --json > ${printable(path)}\``,
    });
  let report: unknown;
  try {
    report = JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch {
    throw refuse('this is not JSON');
  }
  const { format, target: of, probes } = (report ?? {}) as Record<string, unknown>;
  if (format !== CHECK_FORMAT || !Array.isArray(probes))
    throw refuse(`this is not JSON of \`tcplab check\` (expected the format ${CHECK_FORMAT})`);
  if (of !== target) throw refuse(`this is of a ${printable(String(of))}, and not of a ${target}`);
  return probes.map((probe: Record<string, unknown> | null) => {
    const { id, by, code, verdict } = probe ?? {};
    if ([id, code, verdict].some((value) => typeof value !== 'string'))
      throw refuse('a test in it has no id, code or verdict');
    return { id, ...(by === undefined ? {} : { by }), code, verdict } as Found;
  });
}
