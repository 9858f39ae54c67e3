import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';

/**
 * A stack with the places in our sources, by the maps beside the bundles. Node's own --enable-source-maps reads the maps
 * whenever it loads a bundle, which every run would pay for.
 */
export function withSourceLines(stack: string): string {
  const maps = new Map<string, SourceMap | undefined>();
  return stack.replace(
    /(\/[^\s():]+\.cjs):(\d+):(\d+)/g,
    (place, path: string, line: string, column: string) => {
      if (!maps.has(path)) maps.set(path, mapOf(path));
      const entry = maps.get(path)?.findEntry(Number(line) - 1, Number(column) - 1);
      if (!entry || !('originalSource' in entry)) return place;
      const source = entry.originalSource.replace(/^(\.\.\/)+/, '');
      return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    },
  );
}

function mapOf(path: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8')) as SourceMapPayload);
  } catch {
    return undefined;
  }
}
