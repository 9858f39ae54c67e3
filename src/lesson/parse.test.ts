import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { TcplabError } from '../error.ts';
import { CONDITIONS } from '../evidence/condition-names.ts';
import { ARCS } from '../tcp/arcs.ts';
import { parseLesson } from './parse.ts';

const ROOT = new URL('../..', import.meta.url);
const textOf = (name: string) => readFileSync(fileURLToPath(new URL(name, ROOT)), 'utf8');
const schema = JSON.parse(textOf('schema/lesson.schema.json'));
const validate = new Ajv2020({ strict: true, strictRequired: false }).compile(schema);

const withBlock = (block: string) =>
  `# A title\n\nWords.\n\n## One\n\nDo it.\n\n\`\`\`yaml step\n${block}\n\`\`\`\n`;
const LESSON = withBlock(`server: close_wait
client: FIN-WAIT-2
for: 2.5s
and: [descriptor-open]
without: [rules]
through: { server: [ESTABLISHED] }
program: { server: python3 }
hints: [Wait.]
solution:
  - server/nc: nc -lvn 80
  - client: ss -tan`);

describe('a lesson', () => {
  it('has a title, and steps that end with a goal', () => {
    const { name, title, intro, steps } = parseLesson(LESSON, 'class/leak.md');
    expect({ name, title, intro }).toEqual({ name: 'leak', title: 'A title', intro: 'Words.' });
    expect(steps).toEqual([
      {
        title: 'One',
        text: 'Do it.',
        goal: {
          kind: 'state',
          held: { host: 'server', state: 'CLOSE-WAIT' },
          peer: 'FIN-WAIT-2',
          forMs: 2500,
          conditions: ['descriptor-open'],
          without: ['rules'],
          through: { server: ['ESTABLISHED'] },
          counted: {},
          program: { server: 'python3' },
        },
        hints: ['Wait.'],
        solution: [
          { host: 'server', terminal: 'nc', text: 'nc -lvn 80' },
          { host: 'client', terminal: null, text: 'ss -tan' },
        ],
      },
    ]);
  });

  it('may show code, in which headings and fences count for nothing', () => {
    const text = `${LESSON.replace('Do it.', '~~~\n## not a step\n```yaml step\n~~~')}`;
    const { steps } = parseLesson(text, 'l.md');
    expect(steps.map(({ text: words }) => words)).toEqual(['~~~\n## not a step\n```yaml step\n~~~']);
  });

  it.each([
    ['', 'l.md:1: expected a title, as in # Title'],
    ['# T\n\nWords.', 'l.md:3: expected a step, as in ## Title'],
    ['# T\n## One\nWords.\n', "l.md:2: step 'One': expected a yaml step block at its end"],
    ['# T\n## One\n```yaml step\nserver: LISTEN\n', 'l.md:3: this block has no end'],
    ['# T\n```yaml step\nserver: LISTEN\n```\n## One\n', 'l.md:3: this block belongs to no step'],
    [`${LESSON}More.\n`, 'l.md:22: expected the next step'],
    [
      `${LESSON}\`\`\`yaml step\nserver: LISTEN\n\`\`\`\n`,
      'l.md:22: expected one yaml step block in a step, found two',
    ],
    [withBlock('hints: [Wait.]'), 'l.md:10:1: expected client, server, change or question'],
    [withBlock('server: LISTENING-ALL'), "l.md:10:1: 'server': expected a state (CLOSED, LISTEN,"],
    [withBlock('for: 2s\nserver: LISTEN\nfr: 2s'), 'l.md:12:1: fr: unknown name; the names here are'],
    [withBlock('server: LISTEN\nfor: 2'), 'l.md:11:1: for: expected a time such as 500ms or 2s, found 2'],
    [withBlock('server: LISTEN\nand: [open]'), 'l.md:11:1: and[0]: expected "bound" or'],
    [
      withBlock('server: LISTEN\nby: RST'),
      "l.md:11:1: 'by' can't be combined with 'server': a step has one goal",
    ],
    [withBlock('change: TIME-WAIT > CLOSED'), "l.md:10:1: 'change': expected a host and two states"],
    [withBlock('change: server TIME-WAIT > NOWHERE'), "l.md:10:1: 'change': expected a state"],
    [withBlock('question: Why?'), "l.md:10:1: 'question' requires 'answers'"],
    [withBlock('question: Why?\nanswers: []'), "l.md:10:1: 'question' requires 'answers'"],
    [
      withBlock('server: LISTEN\nthrough: { box: [LISTEN] }'),
      "l.md:11:1: 'through': expected client or server, found box",
    ],
    [
      withBlock('server: LISTEN\nsolution: [{ box: ls }]'),
      "l.md:11:1: 'solution': expected one host and what to type",
    ],
    [withBlock('server: [LISTEN'), 'l.md:10:16: invalid YAML: '],
    [withBlock('server: LISTEN\nserver: LISTEN'), 'l.md:11:1: invalid YAML: Map keys must be unique'],
    [withBlock('- server'), 'expected an object, found a list of 1'],
  ])('%j is refused, with the line', (text, says) => {
    const refuse = () => parseLesson(text, 'l.md');
    expect(refuse).toThrow(TcplabError);
    expect(refuse).toThrow(says);
  });
});

describe('the schema', () => {
  it('knows all conditions and causes', () => {
    expect(schema.$defs.condition.enum).toEqual(CONDITIONS);
    expect(schema.properties.by.enum).toEqual([...new Set(ARCS.map(({ trigger }) => trigger))]);
  });

  it('describes the blocks of each lesson that comes with tcplab, and of docs/lessons.md', () => {
    const files = readdirSync(fileURLToPath(new URL('lessons', ROOT))).map((file) => `lessons/${file}`);
    expect(files.length).toBeGreaterThanOrEqual(21);
    const blocks = [...files, 'docs/lessons.md'].flatMap((file) => {
      const found = [...textOf(file).matchAll(/^```yaml step\n(.*?)^```$/gms)].map(
        ([, block]) => block ?? '',
      );
      expect(found.length, file).toBeGreaterThan(0);
      return found;
    });
    for (const block of blocks)
      expect(validate(parse(block)), `${block}\n${JSON.stringify(validate.errors)}`).toBe(true);
  });

  it.each([
    'hints: [Wait.]',
    'server: LISTEN\nby: RST',
    'question: Why?',
    'server: LISTEN\nfor: 2',
    'by: RST',
  ])('refuses %j, as the parser does', (block) => {
    expect(validate(parse(block))).toBe(false);
    expect(() => parseLesson(withBlock(block), 'l.md')).toThrow(TcplabError);
  });
});
