import { printable } from '../../printable.ts';
import type { Report } from '../story/run-report.ts';

/** What JUnit's reports are written with, in the form that Jenkins publishes (junit-10.xsd). */
type Attributes = Record<string, string | number>;

export function open(name: string, attributes: Attributes): string {
  const all = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeAttribute(`${value}`)}"`);
  return `<${name}${all.join('')}>`;
}

export function empty(name: string, attributes: Attributes): string {
  return open(name, attributes).replace(/>$/, '/>');
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
/** The rest of what XML 1.0 can't carry, escaped or not (2.2, Char): lone surrogates and U+FFFE, U+FFFF. */
const NO_CHARACTERS = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;

export function escapeText(text: string): string {
  return printable(text)
    .replace(NO_CHARACTERS, '')
    .replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
}

/** A reader makes spaces of line ends in attributes, unless they are written as numbers (XML 1.0, 3.3.3). */
function escapeAttribute(text: string): string {
  return escapeText(text).replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Milliseconds as JUnit has them. */
export function seconds(ms: number): string {
  return (ms / 1000).toFixed(4);
}

interface Suite {
  name: string;
  counts: { tests: number; failures: number; errors: number };
  skipped: number;
  properties: Record<string, string>;
}

type Origin = Report & { machine: { kernel: string; arch: string } };

/** A report with one suite; `cases` are the lines of its test cases. */
export function junitReport(
  { tool, machine, startedAt, durationMs }: Origin,
  { name, counts, skipped, properties }: Suite,
  cases: string[],
): string {
  const totals = { ...counts, time: seconds(durationMs) };
  const all = {
    tool: `${tool.name} ${tool.version}`,
    kernel: machine.kernel,
    arch: machine.arch,
    ...properties,
  };
  // The form has no time zone: the time is UTC.
  const timestamp = startedAt.replace(/\.\d+Z$/, '');
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    open('testsuites', { name: 'tcplab', ...totals }),
    open('testsuite', { name, ...totals, skipped, timestamp }),
    '<properties>',
    ...Object.entries(all).map(([name, value]) => empty('property', { name, value })),
    '</properties>',
    ...cases,
    '</testsuite>',
    '</testsuites>',
  ];
  return `${lines.join('\n')}\n`;
}
