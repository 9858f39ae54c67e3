import { readFileSync } from 'node:fs';
import { DIST } from '../dist.ts';

const manifest = JSON.parse(readFileSync(new URL('../package.json', DIST), 'utf8')) as { version: string };

export const VERSION: string = manifest.version;
