import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { DIST } from '../../dist.ts';
import type { ReportPage } from './report-model.ts';

/**
 * A report as one self-contained file. Its content security policy lets it run its own script and
 * style, and load nothing. It contains the data as JSON, from which its script makes the nodes.
 */
export function formatHtml(page: ReportPage): string {
  const script = readWeb('report.js');
  const style = ['style.css', 'report.css'].map(readWeb).join('\n');
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(page.title)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<noscript>This report needs JavaScript.</noscript>
<script type="application/json" id="data">${jsonInHtml(page)}</script>
<script type="module">${script}</script>
</body>
</html>
`;
}

/** JSON that an HTML parser reads over: no tag and no comment begins in it. */
export function jsonInHtml(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

/** What the build has made for browsers. */
function readWeb(name: string): string {
  return readFileSync(new URL(`web/${name}`, DIST), 'utf8');
}

/** The hash of the exact text between the tags (CSP level 3, 6.7.3.3). */
function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
