/** Ends the process as a signal does, but by way of exit, so that what clears up at exit has its turn. */
export function exitOnSignals(): void {
  for (const [signal, number] of Object.entries(SIGNALS)) {
    process.on(signal, () => process.exit(128 + number));
  }
}

/** Resolves with the first signal's number instead. One press of Ctrl-C may come twice: from the terminal and from npm. */
export function untilSignal(): Promise<number> {
  return new Promise((resolve) => {
    for (const [signal, number] of Object.entries(SIGNALS)) {
      process.removeAllListeners(signal);
      process.on(signal, () => resolve(number));
    }
  });
}

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };
