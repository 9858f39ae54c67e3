import { STATES, type State } from '../../tcp/state.ts';
import { formatByHand } from './by-hand/format.ts';
import type { Block } from './explanation/explanation.ts';
import { wrapProse } from './prose.ts';

/** Columns of a generated page. A link may be wider. */
const PAGE_WIDTH = 100;

/** Lays a block out as Markdown; other states than `own` become links to their pages. */
export function markdownBlock(block: Block, own?: State): string {
  if (typeof block === 'string') return paragraph(block, own);
  if ('points' in block) return block.points.map((point) => item(point, own)).join('\n');
  if ('recipe' in block) return fence(formatByHand(block.recipe, { width: PAGE_WIDTH, preamble: false }));
  if ('commands' in block)
    return block.commands.map(({ run, does }) => item(`\`${run}\`: ${does}`, own)).join('\n');
  return [
    paragraph(block.to, own),
    fence(block.run, 'sh'),
    ...(block.note ? [paragraph(block.note, own)] : []),
  ].join('\n\n');
}

/** Terminal output or commands, as they are. */
export function fence(text: string, language = 'text'): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;
}

export function stateLink(state: State): string {
  return `[${state}](${state.toLowerCase()}.md)`;
}

/** The clause of RFC 9293, as a link. */
function clauseLink(clause: string): string {
  return `[${clause}](${RFC}#section-${clause})`;
}

const RFC = 'https://www.rfc-editor.org/rfc/rfc9293.html';

function item(text: string, own?: State): string {
  return `- ${paragraph(text, own, '  ').trimStart()}`;
}

function paragraph(text: string, own?: State, indent = ''): string {
  return wrapProse(prose(text, own), PAGE_WIDTH, indent);
}

/** Calls, sysctls, options and errors as code, clauses and states as links, and nothing else as markup. */
function prose(text: string, own?: State): string {
  const linked = new Set<string>(own === undefined ? [] : [own]);
  return text
    .split(/(`[^`]+`)/)
    .map((part) => (part.startsWith('`') ? part : marked(part, linked)))
    .join('');
}

function marked(text: string, linked: Set<string>): string {
  return text.replace(TOKENS, (token, clauses?: string, rfc?: string, state?: State) => {
    if (rfc !== undefined) return `[${token}](https://www.rfc-editor.org/rfc/rfc${rfc}.html)`;
    if (clauses !== undefined) {
      return `RFC 9293, ${clauses.split(', ').map(clauseLink).join(', ')}`;
    }
    if (state !== undefined) {
      if (linked.has(state)) return state;
      linked.add(state);
      return stateLink(state);
    }
    return /^[*<>|]$/.test(token) ? `\\${token}` : `\`${token}\``;
  });
}

const CLAUSE = String.raw`\d(?:\.\d+)+`;
const TOKENS = new RegExp(
  [
    `RFC 9293, (${CLAUSE}(?:, ${CLAUSE})*)`,
    String.raw`\bRFC (\d+)\b(?! calls|, \d)`,
    String.raw`\b(${[...STATES].sort((a, b) => b.length - a.length).join('|')})\b(?![-_])`,
    // A sysctl with or without its value, a call, an option, an error, a command.
    String.raw`\bnet\.\w+\.\w+(?: = \d+)?`,
    String.raw`\b[a-z]\w*\([A-Z_]*\)`,
    String.raw`\b\w+_\w+\b`,
    String.raw`\bE[A-Z]{5,}\b`,
    String.raw`\bss -\w+`,
    String.raw`/proc/[\w/]+`,
    String.raw`timer:\([^)]*\)`,
    `[*<>|]`,
  ].join('|'),
  'g',
);

/** The rows of a table are not wrapped: Markdown has no way to. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
