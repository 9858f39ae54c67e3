/**
 * The reasons that CI may skip a test: no set-up could fix them. With any other reason, such as a tool that set-up does not
 * install or a variable that .ci/run does not set, the test would never run.
 */
const BEYOND_CI = [
  /^this machine itself is in \d+\.\d+\.\d+\.\d+\/\d+$/,
  /^this machine’s kernel has no (int 0x80|iptables-legacy for ordinary users)$/,
];

/**
 * Why a skipped test counts as failed; undefined where the skip is excused.
 * @param {string} reason that the test gave for being skipped
 * @param {{ isRoot: boolean, isCi: boolean }} where
 * @returns {string | undefined}
 */
export function whyNotExcused(reason, { isRoot, isCi }) {
  const forLackOfRoot = /\b(needs?|requires?) root\b|\b(tracefs|BPF)\b/i.test(reason);
  if (forLackOfRoot && isRoot) return 'skipped for a cause that root does not have';
  if (forLackOfRoot && isCi) return 'skipped, and CI has to run it as root';
  if (isCi && !BEYOND_CI.some((excused) => excused.test(reason))) return 'skipped, and CI has to run it';
  return undefined;
}
