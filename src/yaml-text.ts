import { isMap, isNode, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { TcplabError } from './error.ts';

/** A part of a YAML text; absent where there is nothing. */
type YamlNode = Node | null | undefined;

export interface YamlText {
  contents: YamlNode;
  /** The same as plain values. */
  value: unknown;
  /** The part that belongs to the first name of a path in the outermost map, as in `through.client[0]: expected text`. */
  nodeOf(path: string): YamlNode;
  /** An error that names the place of a part in the file, and what was wrong there. */
  wrong(node: YamlNode, what: string): TcplabError;
}

/**
 * Reads YAML that stands in a file from line `firstLine` on. Throws a TcplabError (USAGE) with the file, line and column for a text
 * that is not YAML. `hint` says how a right one looks.
 */
export function readYaml(text: string, { path, hint, firstLine = 1 }: Place): YamlText {
  const lines = new LineCounter();
  const wrongAt = (offset: number, what: string) => {
    const { line, col } = lines.linePos(offset);
    return new TcplabError('USAGE', `${path}:${line + firstLine - 1}:${col}: ${what}`, { hint });
  };
  const document = parse(text, lines, { path, hint });
  const [error] = document.errors;
  if (error)
    throw wrongAt(error.pos[0], `invalid YAML: ${error.message.split(/ at line \d+/)[0]?.split('\n')[0]}`);
  const { contents } = document;
  return {
    contents,
    value: document.toJS(),
    nodeOf: (path) => {
      const name = /^[^.[: ]+/.exec(path)?.[0];
      const pair = isMap(contents)
        ? contents.items.find(({ key }) => isScalar(key) && key.value === name)
        : undefined;
      return isNode(pair?.key) ? pair.key : undefined;
    },
    wrong: (node, what) => wrongAt(node?.range?.[0] ?? 0, what),
  };
}

interface Place {
  path: string;
  hint: string;
  firstLine?: number;
}

function parse(text: string, lineCounter: LineCounter, { path, hint }: Place) {
  try {
    return parseDocument(text, { lineCounter });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new TcplabError('USAGE', `${path}: invalid YAML: it is nested too deeply`, { hint });
  }
}
