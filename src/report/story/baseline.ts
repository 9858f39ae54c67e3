import type { By, ProbeResult } from '../../check/probe.ts';

/** A finding by what stays the same from run to run. */
interface KnownFinding {
  id: string;
  /** Of a relay: at which end it happened. */
  by?: By;
  code: string;
}

/** What a check found, beside what an earlier one found. */
export interface BaselineReport {
  /** Faults and risks that were there before. */
  known: KnownFinding[];
  /** Those that were not. */
  new: KnownFinding[];
  /** Those that are there no more; of tests that were run. */
  gone: KnownFinding[];
}

type Found = Pick<ProbeResult, 'id' | 'by' | 'code' | 'verdict'>;

/** Whether a finding makes the check fail. */
export function failsBy({ verdict }: Pick<ProbeResult, 'verdict'>, failOn: 'fault' | 'risk'): boolean {
  return verdict === 'fault' || (failOn === 'risk' && verdict === 'risk');
}

/** Whether the baseline has the finding. */
export function isKnown(baseline: BaselineReport | null, { id, by, code }: Omit<Found, 'verdict'>): boolean {
  return baseline?.known.some((one) => one.id === id && one.by === by && one.code === code) ?? false;
}

export function compareWith(before: readonly Found[], now: readonly Found[]): BaselineReport {
  const findings = (results: readonly Found[]) => results.filter((result) => failsBy(result, 'risk'));
  const isIn = (results: readonly Found[], { id, by, code }: Found) =>
    results.some((result) => result.id === id && result.by === by && result.code === code);
  const named = ({ id, by, code }: Found): KnownFinding => ({ id, ...(by && { by }), code });
  const current = findings(now);
  const couldTell = ({ id, by }: Found) =>
    now.some((one) => one.id === id && one.by === by && one.verdict !== 'unknown');
  return {
    known: current.filter((one) => isIn(findings(before), one)).map(named),
    new: current.filter((one) => !isIn(findings(before), one)).map(named),
    gone: findings(before)
      .filter((one) => couldTell(one) && !isIn(current, one))
      .map(named),
  };
}
