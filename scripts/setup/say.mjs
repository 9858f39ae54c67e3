/** This machine or this checkout can't; the command ends with status 3, as tcplab's own do. */
export class SetupError extends Error {}

/**
 * Set-up talks on stderr alone: stdout carries results.
 * @param {string} line
 */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/**
 * Runs set-up, and turns "can't" into a message and status 3.
 * @param {() => void} setUp
 */
export function orExit(setUp) {
  try {
    setUp();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`tcplab: ${error.message}`);
    process.exit(3);
  }
}
