import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IS_ROOT, REPOSITORY, run, runtimePackages, temporaryFolder } from './cli.ts';

/**
 * tcplab as npm gives it to people: packed, and installed into an empty prefix. The packages that it needs come from a
 * registry of our own that has those of node_modules and no others; so no network is needed, and a dependency that is
 * not declared is found out.
 */
describe('as a package', () => {
  const folder = temporaryFolder();
  const prefix = join(folder, 'prefix');
  const installed = join(prefix, 'lib/node_modules/tcplab');
  const tcplab = join(prefix, 'bin/tcplab');
  let registry: Server;

  beforeAll(async () => {
    if (!IS_ROOT) await run(['ip', 'link', 'set', 'lo', 'up']);
    registry = await serve(await publish(folder));
    const { port } = registry.address() as AddressInfo;
    const npm = (...args: string[]) =>
      run(['npm', ...args, '--loglevel=error', '--no-audit', '--no-fund', '--ignore-scripts'], {
        npm_config_registry: `http://127.0.0.1:${port}/`,
        npm_config_cache: join(folder, 'cache'),
        npm_config_update_notifier: 'false',
      });
    // Without scripts: a build now would change files below other tests.
    const packed = await npm('pack', REPOSITORY, '--pack-destination', folder);
    expect(packed).toMatchObject({ status: 0 });
    mkdirSync(prefix);
    const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '');
    const install = await npm('install', '--global', '--prefix', prefix, tarball);
    expect(install).toMatchObject({ status: 0 });
  });

  afterAll(() => void registry.close());

  it('gives a tcplab that works', async () => {
    const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(await run([tcplab, '--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
    const { status, stdout, stderr } = await run([tcplab, 'run', 'listen', 'syn-sent']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('2 of 2 proven');
  });

  it('holds what it should and no more', () => {
    const files = readdirSync(installed, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const own = files
      .map(({ parentPath, name }) => join(parentPath, name).slice(installed.length + 1))
      .filter((path) => !path.startsWith('node_modules/'));
    const foreign = own.filter(
      (path) =>
        !/^(dist\/.*\.(c?js(\.map)?|d\.c?ts)|dist\/licenses\.txt|examples\/[\w./-]+|dist\/web\/\w+\.css|schema\/[\w.]+\.json|lessons\/[\w-]+\.md|docs\/.*\.md|docs\/images\/\w+\.(png|svg)|[A-Z]+(\.md)?|(dist\/cli\/)?package\.json)$/.test(
          path,
        ),
    );
    expect(foreign).toEqual([]);
    expect(own).toContain('schema/run.schema.json');
    expect(own).toContain('docs/timeline.md');
    expect(own).toContain('lessons/close-wait.md');
    expect(own.filter((path) => /\.test\./.test(path) && !path.startsWith('examples/'))).toEqual([]);
  });

  it('has every picture that its pages show, and they are small', () => {
    const pages = [
      'README.md',
      'CHANGELOG.md',
      ...readdirSync(join(installed, 'docs'), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.md'))
        .map((name) => join('docs', name)),
    ];
    const shown = pages.flatMap((page) => {
      const text = readFileSync(join(installed, page), 'utf8');
      return [...text.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map(([, to = '']) => join(dirname(page), to));
    });
    const pictures = [...new Set(shown)];
    expect(pictures.filter((picture) => !existsSync(join(installed, picture)))).toEqual([]);
    expect(pictures.length).toBeGreaterThan(0);
    const octets = pictures.map((picture) => statSync(join(installed, picture)).size);
    expect(octets.reduce((sum, each) => sum + each, 0)).toBeLessThan(500_000);
    // None that nobody sees.
    const there = readdirSync(join(installed, 'docs/images')).map((name) => join('docs/images', name));
    expect(there.sort()).toEqual(pictures.sort());
  });

  it('needs few packages', () => {
    const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    expect(Object.keys(dependencies).length).toBeLessThanOrEqual(2);
  });

  it.concurrent.each([
    ['vitest', /Tests +2 passed \(2\)/],
    ['node-test', /# pass 2/],
    ['jest', /Tests: +2 passed, 2 total/],
    ['jest-esm', /Tests: +2 passed, 2 total/],
  ])('has an example for %s that passes where it was unpacked', async (name, passed) => {
    const project = join(folder, `example-${name}`);
    cpSync(join(installed, 'examples', name), project, { recursive: true });
    mkdirSync(join(project, 'node_modules'));
    symlinkSync(installed, join(project, 'node_modules/tcplab'));
    const vitest = join(REPOSITORY, 'node_modules/vitest');
    symlinkSync(vitest, join(project, 'node_modules/vitest'));
    // tcplab is a link, so what it imports is found where it is installed.
    if (name === 'vitest') symlinkSync(vitest, join(prefix, 'lib/node_modules/vitest'));
    symlinkSync(join(REPOSITORY, 'node_modules/.bin'), join(project, 'node_modules/.bin'));
    const { status, stdout, stderr } = await run(['npm', 'test', '--prefix', project], {
      NODE_OPTIONS: '',
      NO_COLOR: '1',
      NODE_NO_WARNINGS: '1',
    });
    expect(stdout + stderr).toMatch(passed);
    expect(status).toBe(0);
  });

  it('gives require() the same as import', async () => {
    const script = `import * as library from 'tcplab';
      import * as testing from 'tcplab/testing';
      import { createRequire } from 'node:module';
      const require = createRequire(import.meta.url);
      console.log(require('tcplab').runScenario === library.runScenario, require('tcplab/testing').createLab === testing.createLab);`;
    const project = join(folder, 'required');
    mkdirSync(join(project, 'node_modules'), { recursive: true });
    symlinkSync(installed, join(project, 'node_modules/tcplab'));
    writeFileSync(join(project, 'main.mjs'), script);
    expect(await run([process.execPath, join(project, 'main.mjs')])).toEqual({
      status: 0,
      stdout: 'true true\n',
      stderr: '',
    });
  });

  describe('imported by a program', () => {
    const program = join(folder, 'program');

    beforeAll(() => {
      mkdirSync(join(program, 'node_modules'), { recursive: true });
      symlinkSync(installed, join(program, 'node_modules/tcplab'));
      symlinkSync(join(REPOSITORY, 'node_modules/@types'), join(program, 'node_modules/@types'));
      writeFileSync(join(program, 'package.json'), '{ "type": "module" }');
      writeFileSync(join(program, 'main.ts'), PROGRAM);
      writeFileSync(join(program, 'wrong.ts'), PROGRAM.replace("'ipv6'", "'ipv5'"));
    });

    const compile = (file: string, options: object) => {
      const common = {
        module: 'nodenext',
        target: 'es2023',
        lib: ['es2023', 'esnext.disposable'],
        strict: true,
        // TypeScript's own; those of tcplab and what it imports are checked.
        skipDefaultLibCheck: true,
      };
      const config = join(program, `${file}.json`);
      const compilerOptions = { ...common, types: ['node'], ...options };
      writeFileSync(config, JSON.stringify({ compilerOptions, files: [file] }));
      return run([process.execPath, join(REPOSITORY, 'node_modules/typescript/bin/tsc'), '-p', config]);
    };

    it.concurrent('its types compile, and it runs a scenario', async () => {
      expect(await compile('main.ts', {})).toEqual({ status: 0, stdout: '', stderr: '' });
      expect(await run([process.execPath, join(program, 'main.js')])).toEqual({
        status: 0,
        stdout: 'fin-wait-2 FIN-WAIT-2 proven, schema tcplab.run/1\n',
        stderr: '',
      });
    });

    it.concurrent('its types are whole in CommonJS', async () => {
      writeFileSync(join(program, 'commonjs.cts'), COMMONJS);
      expect(await compile('commonjs.cts', { noEmit: true })).toEqual({ status: 0, stdout: '', stderr: '' });
    });

    it.concurrent('a wrong use does not compile', async () => {
      const { status, stdout } = await compile('wrong.ts', { noEmit: true, skipLibCheck: true });
      expect(status).not.toBe(0);
      expect(stdout).toMatch(/'"ipv5"' is not assignable/);
    });
  });
});

const PROGRAM = `import { CATALOGUE, judge, resultOf, runScenario, type Scenario, type State } from 'tcplab';
import schema from 'tcplab/schema/run.schema.json' with { type: 'json' };

const scenario: Scenario | undefined = CATALOGUE.find(({ id }) => id === 'fin-wait-2');
if (!scenario) throw new Error('no such scenario');
const timeline = await runScenario(scenario, { family: 'ipv6', holdMs: 20 });
const state: State = resultOf(timeline).state;
process.stdout.write(\`\${scenario.id} \${state} \${judge(timeline).word}, schema \${schema.properties.format.const}\\n\`);
`;

const COMMONJS = `import { CATALOGUE, type Scenario } from 'tcplab';
import { createLab, type TestLab } from 'tcplab/testing';
import 'tcplab/testing/jest';
declare const connection: jest.Matchers<void>;
async function main(): Promise<Scenario | undefined> {
  const lab: TestLab = await createLab({ serverPort: 8080 });
  await connection.toBeInState('CLOSE-WAIT', { on: 'server' });
  await lab.close();
  return CATALOGUE[0];
}
void main();
`;

interface Published {
  manifest: { name: string; version: string };
  tarball: Buffer;
}

/** What tcplab needs when it runs, packed from node_modules. */
async function publish(folder: string): Promise<Published[]> {
  return Promise.all(
    runtimePackages().map(async (path, index) => {
      // A tarball of npm has all in a folder of this name.
      const place = join(folder, `dependency-${index}`);
      mkdirSync(place);
      symlinkSync(join(REPOSITORY, path), join(place, 'package'));
      const file = join(place, 'package.tar.gz');
      const tar = await run(['tar', '-chzf', file, '-C', place, 'package']);
      if (tar.status !== 0) throw new Error(tar.stderr);
      const manifest = JSON.parse(readFileSync(join(REPOSITORY, path, 'package.json'), 'utf8'));
      return { manifest, tarball: readFileSync(file) };
    }),
  );
}

/** A registry: for each name its only version, and that one's tarball. */
async function serve(packages: Published[]): Promise<Server> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '').slice(1);
    const found = packages.find(({ manifest }) => path === manifest.name || path === `${manifest.name}.tgz`);
    if (!found) {
      response.writeHead(404).end('{}');
    } else if (path.endsWith('.tgz')) {
      response.end(found.tarball);
    } else {
      const { manifest, tarball } = found;
      const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
      const dist = { tarball: `http://${request.headers.host}/${manifest.name}.tgz`, integrity };
      const versions = { [manifest.version]: { ...manifest, dist } };
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({ name: manifest.name, 'dist-tags': { latest: manifest.version }, versions }),
      );
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
