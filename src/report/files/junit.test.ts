import { describe, expect, it } from 'vitest';
import { failedResult, type ScenarioResult } from '../story/result.ts';
import { RUN_FORMAT, type RunReport } from '../story/run-report.ts';
import { formatJunit } from './junit.ts';

const HELD = { host: 'client', state: 'FIN-WAIT-1' } as const;

function result(changes: Partial<ScenarioResult> = {}): ScenarioResult {
  return {
    ...failedResult('fin-wait-1', HELD, ''),
    verdict: 'proven',
    because: null,
    error: null,
    reachedMs: 2,
    heldMs: 100.5,
    ...changes,
  };
}

function reportOf(...results: ScenarioResult[]): RunReport {
  return {
    format: RUN_FORMAT,
    tool: { name: 'tcplab', version: '0.1.0' },
    machine: { kernel: '6.18', arch: 'x64', privilege: 'root', witnesses: ['socket-table', 'packets'] },
    startedAt: '2026-11-22T05:21:00.123Z',
    durationMs: 412.3,
    results,
  };
}

const disproven = result({
  verdict: 'disproven',
  because: 'packets of client: saw CLOSED, not FIN-WAIT-1',
  witnesses: {
    socketTable: { says: 'FIN-WAIT-1', agrees: true },
    packets: { says: 'CLOSED', agrees: false, why: 'saw CLOSED, not FIN-WAIT-1' },
    kernelEvents: { says: null, agrees: null, why: 'kernel events need root' },
  },
});
const failed = failedResult('close-wait', { host: 'server', state: 'CLOSE-WAIT' }, 'bind failed: EADDRINUSE');

describe('a report for JUnit’s readers', () => {
  it('has the elements and attributes that Jenkins’ schema (junit-10.xsd) knows, and those that it asks for', () => {
    const root = parseXml(formatJunit(reportOf(result({ notes: ['a note'] }), disproven, failed)));
    expect(root.name).toBe('testsuites');
    checkElement(root);
  });

  it('counts tests, failures and errors', () => {
    const root = parseXml(formatJunit(reportOf(result(), disproven, failed)));
    const counts = { tests: '3', failures: '1', errors: '1', time: '0.4123' };
    expect(root.attributes).toMatchObject(counts);
    expect(root.children[0]?.attributes).toMatchObject({ ...counts, timestamp: '2026-11-22T05:21:00' });
  });

  it('has a test case for each lab, with how long it took', () => {
    const cases = casesOf(reportOf(result(), disproven));
    expect(cases.map(({ attributes }) => attributes)).toEqual([
      { name: 'fin-wait-1, run 1', classname: 'tcplab.FIN-WAIT-1', time: '0.1025' },
      { name: 'fin-wait-1, run 2', classname: 'tcplab.FIN-WAIT-1', time: '0.1025' },
    ]);
  });

  it('says why something is not proven, and what each witness saw', () => {
    const [failure] = casesOf(reportOf(disproven))[0]?.children ?? [];
    expect(failure).toMatchObject({
      name: 'failure',
      attributes: { type: 'disproven', message: 'packets of client: saw CLOSED, not FIN-WAIT-1' },
    });
    expect(failure?.text.split('\n')).toEqual([
      'claimed: client in FIN-WAIT-1',
      'client FIN-WAIT-1, socket table: agrees',
      'client FIN-WAIT-1, packets: reports CLOSED: saw CLOSED, not FIN-WAIT-1',
      "client FIN-WAIT-1, kernel events: can't see this state: kernel events need root",
    ]);
  });

  it('tells what could not be run from what is not proven', () => {
    const [error] = casesOf(reportOf(failed))[0]?.children ?? [];
    expect(error).toMatchObject({ name: 'error', attributes: { message: 'bind failed: EADDRINUSE' } });
  });

  it('carries any text, escapes what steers a terminal, and leaves out what XML cannot carry', () => {
    const text = `<&>"' → \u{1f600}\ttab\u0000\u001b[31m\u009b\u202e\ud800\ufffe`;
    const notes = [`${text}]]>`, 'second'];
    const [failure, out] = casesOf(reportOf(result({ verdict: 'unproven', because: text, notes })))[0]
      ?.children ?? [undefined, undefined];
    expect(failure?.attributes['message']).toBe(`<&>"' → \u{1f600}\ttab\\x00\\x1b[31m\\x9b\\u202e`);
    expect(out?.text).toBe(`<&>"' → \u{1f600}\ttab\\x00\\x1b[31m\\x9b\\u202e]]>\nsecond`);
  });
});

function casesOf(report: RunReport): Element[] {
  const suite = parseXml(formatJunit(report)).children[0];
  return suite?.children.filter(({ name }) => name === 'testcase') ?? [];
}

interface Element {
  name: string;
  attributes: Record<string, string>;
  children: Element[];
  text: string;
}

/** XML as far as a report needs it, and no more forgiving than XML 1.0: whatever is left over is a fault. */
function parseXml(xml: string): Element {
  let rest = xml.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '');
  expect(rest).not.toBe(xml);
  const take = (pattern: RegExp): string[] | undefined => {
    const found = pattern.exec(rest);
    if (found) rest = rest.slice(found[0].length);
    return found?.map((group) => group ?? '');
  };
  const element = (): Element => {
    const [, name = '', attributes = '', isEmpty] =
      take(/^<([a-z-]+)((?: [a-z]+="[^"<\n]*")*)(\/)?>/) ?? expect.fail(`no element: ${rest.slice(0, 80)}`);
    const pairs = [...attributes.matchAll(/ ([a-z]+)="([^"]*)"/g)].map(([, key, value]) => [
      key,
      unescaped(value ?? ''),
    ]);
    expect(new Set(pairs.map(([key]) => key)).size).toBe(pairs.length);
    const parsed: Element = { name, attributes: Object.fromEntries(pairs), children: [], text: '' };
    if (isEmpty) return parsed;
    for (;;) {
      parsed.text += unescaped(take(/^[^<]*/)?.[0] ?? '');
      if (take(new RegExp(`^</${name}>`))) return parsed;
      parsed.children.push(element());
    }
  };
  const root = element();
  expect(rest).toBe('\n');
  return root;
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"' };

function unescaped(text: string): string {
  expect(text).not.toMatch(
    /&(?!(?:amp|lt|gt|quot|#\d+);)|[^\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u,
  );
  return text.replace(/&(?:#(\d+)|(\w+));/g, (_, code?: string, name?: string) =>
    code ? String.fromCodePoint(Number(code)) : (ENTITIES[name ?? ''] ?? ''),
  );
}

interface Rule {
  required: string[];
  optional: string[];
  children: string[];
}

/** junit-10.xsd of Jenkins’ xunit plugin, as far as these elements go. */
const RULES: Record<string, Rule> = {
  testsuites: {
    required: [],
    optional: ['name', 'time', 'tests', 'failures', 'errors'],
    children: ['testsuite'],
  },
  testsuite: {
    required: ['name', 'tests', 'failures', 'errors'],
    optional: ['time', 'skipped', 'timestamp', 'hostname', 'id', 'package'],
    children: ['properties', 'testcase', 'system-out', 'system-err'],
  },
  properties: { required: [], optional: [], children: ['property'] },
  property: { required: ['name', 'value'], optional: [], children: [] },
  testcase: {
    required: ['name'],
    optional: ['time', 'classname', 'group'],
    children: ['skipped', 'error', 'failure', 'system-out', 'system-err'],
  },
  failure: { required: [], optional: ['type', 'message'], children: [] },
  error: { required: [], optional: ['type', 'message'], children: [] },
  'system-out': { required: [], optional: [], children: [] },
};

function checkElement({ name, attributes, children }: Element): void {
  const rule = RULES[name] ?? expect.fail(`an element that is not in the schema: ${name}`);
  const keys = Object.keys(attributes);
  expect(keys).toEqual(expect.arrayContaining(rule.required));
  expect([...rule.required, ...rule.optional]).toEqual(expect.arrayContaining(keys));
  if (attributes['time'] !== undefined) expect(attributes['time']).toMatch(/^\d+\.\d+$/);
  for (const child of children) {
    expect(rule.children, `in ${name}`).toContain(child.name);
    checkElement(child);
  }
}
