import { SetupError } from '../setup/say.mjs';
import { succeed } from './processes.mjs';

/** The release whose kernel is 6.1. */
export const SUITE = 'bookworm';

/**
 * The mirrors from which this machine's apt takes Debian's packages, as sources for that suite. From `apt-get indextargets`
 * and not from apt's files, because those have several formats and folders.
 * @returns {Promise<string>} lines of a sources.list
 */
export async function sourcesHere() {
  const format = '$(CREATED_BY) $(ORIGIN) $(LABEL) $(REPO_URI)';
  const targets = await succeed("asking for apt's sources", ['apt-get', 'indextargets', '--format', format]);
  const suites = new Map([
    ['Debian', SUITE],
    ['Debian-Security', `${SUITE}-security`],
  ]);
  const sources = new Set();
  for (const target of targets.split('\n')) {
    const [kind, origin, label = '', uri] = target.split(' ');
    const suite = suites.get(label);
    if (kind === 'Packages' && origin === 'Debian' && suite) sources.add(`deb ${uri} ${suite} main\n`);
  }
  if (![...sources].some((source) => source.includes(` ${SUITE} `))) {
    throw new SetupError(
      'apt here knows no mirror of Debian to take the virtual machines from (apt-get indextargets names none\n' +
        'of origin Debian). On a Debian whose package lists are not there yet, apt-get update fixes it.',
    );
  }
  return [...sources].join('');
}

/**
 * How apt reaches its mirrors here, such as by a proxy, for an apt that does not read this machine's configuration.
 * @returns {Promise<string[]>} lines of an apt.conf
 */
export async function reachedHow() {
  const dump = await succeed("asking for apt's configuration", ['apt-config', 'dump']);
  return dump.split('\n').filter((line) => /^Acquire::(https?|Retries)\b.* ".+";$/i.test(line));
}
