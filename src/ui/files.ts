import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DIST } from '../dist.ts';
import { TcplabError } from '../error.ts';
import { PAGE } from './page.ts';

export interface PageFile {
  type: string;
  content: Buffer;
}

/** Where the build puts what runs in a browser. */
const WEB: string = fileURLToPath(new URL('web/', DIST));
const TYPES: Record<string, string> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
};

/** All files that the server offers, by URL path. Read at start, so that no request can name a file. */
export function pageFiles(folder: string = WEB): ReadonlyMap<string, PageFile> {
  const files = new Map([['/', { type: 'text/html; charset=utf-8', content: Buffer.from(PAGE) }]]);
  for (const name of readdirSync(folder)) {
    const type = TYPES[name.split('.').at(-1) ?? ''];
    if (type !== undefined) files.set(`/${name}`, { type, content: readFileSync(join(folder, name)) });
  }
  if (!files.has('/live.js'))
    throw new TcplabError('MACHINE', `the page is not built: ${folder} has no live.js`);
  return files;
}
