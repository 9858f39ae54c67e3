import type { ScenarioResult, WitnessKey, WitnessReport } from './result.ts';

export const WITNESS_NAMES: Record<WitnessKey, string> = {
  socketTable: 'socket table',
  packets: 'packets',
  kernelEvents: 'kernel events',
};

/** What each witness reports about both ends, one line each: `client FIN-WAIT-1, socket table: agrees`. */
export function witnessLines({ host, state, witnesses, peer }: ScenarioResult): string[] {
  return [
    ...linesOf(`${host} ${state}`, witnesses),
    ...linesOf(`${peer.host} ${peer.state}`, peer.witnesses),
  ];
}

function linesOf(end: string, witnesses: ScenarioResult['witnesses']): string[] {
  return Object.entries(witnesses).map(
    ([key, report]) => `${end}, ${WITNESS_NAMES[key as WitnessKey]}: ${testimony(report)}`,
  );
}

function testimony({ says, agrees, why }: WitnessReport): string {
  if (agrees) return 'agrees';
  const what = agrees === null ? "can't see this state" : says ? `reports ${says}` : 'contradicts';
  return why ? `${what}: ${why}` : what;
}
