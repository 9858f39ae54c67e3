/**
 * `good`: the program does what a robust program does. `risk`: it works until this happens in production. `fault`: it breaks
 * or leaks. `unknown`: the test could not find out; `says` has the reason.
 */
export type ProbeVerdict = 'good' | 'risk' | 'fault' | 'unknown';

/** What a risk or a fault means, and what to change: of what was found, not of the test. */
export interface Advice {
  /** The consequence in production. */
  why: string;
  /** What to change, as an imperative with the name of the option. */
  fix: string;
}

/** What a test measured, by name. Names that end in `Ms` are milliseconds. */
export type Numbers = Readonly<Record<string, number | null>>;

/** What the program did. */
export interface Finding {
  verdict: ProbeVerdict;
  /** The kind of the finding, the same for each program and each version: for scripts. */
  code: string;
  /** What the program did, with the numbers: a phrase without a period. */
  says: string;
  numbers: Numbers;
  /** Null unless it is a risk or a fault. */
  advice: Advice | null;
}

export const good = (code: string, says: string, numbers: Numbers = {}): Finding => ({
  verdict: 'good',
  code,
  says,
  numbers,
  advice: null,
});

export const unknown = (code: string, says: string, numbers: Numbers = {}): Finding => ({
  ...good(code, says, numbers),
  verdict: 'unknown',
});

export const risk = (code: string, says: string, advice: Advice, numbers: Numbers = {}): Finding => ({
  ...good(code, says, numbers),
  verdict: 'risk',
  advice,
});

export const fault = (code: string, says: string, advice: Advice, numbers: Numbers = {}): Finding => ({
  ...risk(code, says, advice, numbers),
  verdict: 'fault',
});
