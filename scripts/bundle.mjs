// Makes dist/ and build/ of src/ with esbuild, and prints the files that it made, as JSON. dist/ is what people get: a
// few bundles. build/ has each module by itself, for tests, benches and scripts that look at one alone.
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(
  (name) => !/\.test\.ts$|\.d\.c?ts$/.test(name),
);

/** @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: root,
  bundle: true,
  metafile: true,
  write: false,
  outdir: 'dist',
  sourcemap: 'linked',
  // A stack needs names and lines, and not what stands in them.
  sourcesContent: false,
  logLevel: 'warning',
};
/** @type {import('esbuild').BuildOptions} */
const forNode = { ...common, platform: 'node', target: 'node20.19' };

/**
 * What runs by itself: each a whole, as CommonJS, since Node starts that sooner. Without the white space there is a third
 * less to read.
 * @type {import('esbuild').BuildOptions}
 */
const program = {
  ...forNode,
  format: 'cjs',
  minifyWhitespace: true,
  minifySyntax: true,
  outExtension: { '.js': '.cjs' },
  define: { 'import.meta.url': 'bundleUrl' },
  banner: { js: "const bundleUrl=require('node:url').pathToFileURL(__filename).href;" },
  // Few need it, and it is as long as half of tcplab.
  external: ['koffi', 'yaml'],
};

/**
 * Jest runs ES modules in a context of its own, which lacks the two symbols of `using` that Node 20 has only in its main
 * one. A class takes them when its module runs, so this comes before all of a file.
 * @param {string} name
 */
function symbolOfUsing(name) {
  return `Symbol.${name} ??= Symbol('Symbol.${name}');\n`;
}

/** @param {string[]} paths below src/, without their endings */
const from = (...paths) => Object.fromEntries(paths.map((path) => [path, `src/${path}.ts`]));

const results = await Promise.all([
  build({
    ...program,
    entryPoints: from(
      'cli/texts',
      'cli/labs',
      'remote/agent',
      'remote/watchdog-process',
      'check/tls/authority',
    ),
  }),
  build({
    ...forNode,
    format: 'esm',
    splitting: true,
    chunkNames: 'chunks/[hash]',
    external: ['koffi', 'vitest'],
    banner: { js: ['dispose', 'asyncDispose'].map(symbolOfUsing).join('') },
    entryPoints: from('index', 'testing/index', 'testing/jest', 'testing/vitest'),
  }),
  build({
    ...common,
    sourcemap: false,
    charset: 'utf8',
    format: 'esm',
    target: 'es2023',
    entryPoints: from('web/live', 'web/report'),
  }),
  build({
    ...forNode,
    format: 'esm',
    outdir: 'build',
    packages: 'external',
    plugins: [
      {
        name: 'each by itself',
        setup: ({ onResolve }) =>
          onResolve({ filter: /^\.\.?\/.*\.c?[tj]s$/ }, ({ path, kind }) =>
            kind === 'entry-point' ? null : { path: path.replace(/\.ts$/, '.js'), external: true },
          ),
      },
    ],
    entryPoints: sources.filter((name) => name.endsWith('.ts')).map((name) => join('src', name)),
    outbase: 'src',
  }),
]);

/** @type {{ path: string, contents: Uint8Array }[]} */
const files = results.flatMap(({ outputFiles = [] }) => outputFiles);
// Copies the style sheets, the CommonJS files and their types.
for (const name of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
  if (!/\.(css|cjs|d\.cts)$/.test(name)) continue;
  // People run it by this name.
  const made = name === 'cli/main.cjs' ? 'cli/main.js' : name;
  const contents = readFileSync(join(root, 'src', name));
  files.push({ path: join(root, 'dist', made), contents });
  if (name.endsWith('.cjs')) files.push({ path: join(root, 'build', name), contents });
}
files.push({ path: join(root, 'dist/cli/package.json'), contents: Buffer.from('{ "type": "commonjs" }\n') });
files.push({ path: join(root, 'dist/licenses.txt'), contents: Buffer.from(licenses()) });
for (const { path, contents } of files) {
  mkdirSync(dirname(path), { recursive: true });
  // In place and at once: a tcplab that runs from dist/ never finds half a file.
  const fresh = join(dirname(path), `.fresh-${relative(dirname(path), path)}`);
  writeFileSync(fresh, contents, { mode: path.endsWith('/cli/main.js') ? 0o755 : 0o644 });
  renameSync(fresh, path);
}
process.stdout.write(JSON.stringify(files.map(({ path }) => path)));

/** The licenses of the bundled packages: they must accompany every copy. */
function licenses() {
  const inputs = results.flatMap(({ metafile }) => Object.keys(metafile?.inputs ?? {}));
  const packages = inputs.flatMap((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  return [...new Set(packages)]
    .sort()
    .map((path) => {
      const file = readdirSync(join(root, path)).find((name) => /^licen[cs]e/i.test(name));
      if (file === undefined) throw new Error(`${path} has no license`);
      return `${path.replace('node_modules/', '')}\n\n${readFileSync(join(root, path, file), 'utf8').trim()}\n`;
    })
    .join('\n---\n\n');
}
