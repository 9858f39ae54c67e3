import { writeFileSync } from 'node:fs';

/**
 * @typedef {object} Tally
 * @property {{ name: string, state: 'passed' | 'failed' | 'skipped', reason?: string, tries?: number }[]} tests
 * @property {string[]} errors what failed outside of any test
 */

/**
 * Writes what became of each test, with the reasons of the skipped ones, which vitest's own JSON report
 * leaves out. The file is named with `--outputFile.tally`.
 * @public vitest loads it by its path
 */
export default class TallyReporter {
  #file = '';

  /** @param {import('vitest/node').Vitest} vitest */
  onInit(vitest) {
    const { outputFile } = vitest.config;
    this.#file = (typeof outputFile === 'object' && outputFile['tally']) || '';
  }

  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly { message: string }[]} unhandled
   */
  onTestRunEnd(modules, unhandled) {
    /** @type {Tally} */
    const tally = { tests: [], errors: unhandled.map(({ message }) => `outside of any test: ${message}`) };
    for (const module of modules) {
      for (const group of [module, ...module.children.allSuites()]) {
        const name = group.type === 'module' ? group.relativeModuleId : nameOf(group);
        for (const { message } of group.errors()) tally.errors.push(`${name}: ${message}`);
      }
      for (const test of module.children.allTests()) tally.tests.push(fateOf(test));
    }
    writeFileSync(this.#file, JSON.stringify(tally));
  }
}

/**
 * @param {import('vitest/node').TestCase} test
 * @returns {Tally['tests'][number]}
 */
function fateOf(test) {
  const name = nameOf(test);
  const result = test.result();
  switch (result.state) {
    case 'passed':
    case 'failed':
      return {
        name,
        state: result.state,
        tries: 1 + (test.diagnostic()?.retryCount ?? 0),
        ...(result.errors?.[0] ? { reason: result.errors[0].message } : {}),
      };
    case 'skipped':
      return { name, state: 'skipped', reason: result.note || reasonOf(test) };
    case 'pending':
      return { name, state: 'failed', reason: 'did not end' };
  }
}

/** @param {import('vitest/node').TestCase} test */
function reasonOf(test) {
  if (test.options.mode === 'todo') return 'not written yet';
  for (let group = test.parent; ; group = group.parent) {
    if (group.errors().length > 0) return 'what comes before it failed';
    if (group.type === 'module') return 'no reason given';
  }
}

/** @param {import('vitest/node').TestCase | import('vitest/node').TestSuite} item */
function nameOf(item) {
  return `${item.module.relativeModuleId} > ${item.fullName}`;
}
