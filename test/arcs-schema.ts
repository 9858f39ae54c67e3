import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { ARC_COUNT } from '../src/tcp/arcs.ts';
import { type Outcome, REPOSITORY } from './cli.ts';

/** What the tests of `tcplab arcs --json` share. */

export const NUMBERS: readonly number[] = Array.from({ length: ARC_COUNT }, (_, index) => index + 1);

const schema = JSON.parse(readFileSync(join(REPOSITORY, 'schema/arcs.schema.json'), 'utf8')) as object;
export const validate: ValidateFunction = new Ajv2020({ strict: true, allErrors: true }).compile(schema);

export function parse(outcome: Outcome): { outcome: Outcome; report: unknown } {
  try {
    return { outcome, report: JSON.parse(outcome.stdout) };
  } catch {
    throw new Error(`no JSON on stdout: ${outcome.stdout}${outcome.stderr}`);
  }
}

export function errorsOf(report: unknown): string[] {
  return validate(report) ? [] : (validate.errors ?? []).map((error) => JSON.stringify(error));
}
