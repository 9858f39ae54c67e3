import { type HostName, type LabSettings, otherHost } from '../../evidence/events.ts';
import type { WitnessName } from '../../evidence/witness/witness.ts';
import { serverPort } from '../../lab/crowd-ports.ts';
import type { Span } from '../../lab/rule.ts';
import type { CrowdLook, Made } from '../../scenario/crowd.ts';
import type { CrowdPlan } from '../../scenario/crowd-plan.ts';
import type { Family } from '../../tcp/endpoint.ts';
import type { State } from '../../tcp/state.ts';
import { formatMs } from '../words/time.ts';
import { pad, wrapBeside } from './layout.ts';
import type { Style } from './style.ts';

/** What `tcplab hold --count --json` prints; schema/crowd.schema.json describes it. */
export interface CrowdResult {
  format: 'tcplab.crowd/1';
  scenario: string;
  state: State;
  host: HostName;
  /** The other ends, at the last look. `inState` is null where one listener is the other end of all. */
  peer: { host: HostName; state: State; inState: number | null };
  /** The host that has the client's ends, where it is not the one of that name. */
  clientsAt?: HostName;
  /** From the first to the last. */
  serverPorts: Span;
  family: Family;
  /** What was set before the first call, because it was asked for. Absent if nothing was. */
  settings?: LabSettings;
  count: number;
  /** For how many the calls were made. */
  made: number;
  /** At the last look. */
  inState: number;
  /** At the look that found the fewest, once all were in the state. Null when they never were. */
  fewest: number | null;
  /** How long the calls took. */
  madeInMs: number;
  perSecond: number;
  /** From the first call to the look that found all in the state. */
  reachedMs: number | null;
  heldMs: number | null;
  looks: number;
  /** Whether all were found in the state, at every look from then on. */
  held: boolean;
  because: string | null;
  /** The only witness of many connections. */
  seenBy: readonly WitnessName[];
}

/** What `hold --count` prints with several scenarios: all of them are at the same host. */
export interface CrowdsResult {
  format: 'tcplab.crowds/1';
  host: HostName;
  held: boolean;
  crowds: readonly CrowdResult[];
}

/** Of a single scenario, its own. */
export function crowdsResult(crowds: readonly CrowdResult[]): CrowdResult | CrowdsResult {
  const [first] = crowds as [CrowdResult];
  if (crowds.length === 1) return first;
  return { format: 'tcplab.crowds/1', host: first.host, held: crowds.every(({ held }) => held), crowds };
}

/** What happened to many connections so far, in order. */
export class CrowdTally {
  readonly #plan: CrowdPlan;
  readonly #family: Family;
  readonly #settings: LabSettings | undefined;
  #made: Made = { made: 0, tookMs: 0, because: null };
  #last: CrowdLook = { inState: 0, peersInState: null, others: null };
  #fewest: number | null = null;
  #reachedMs: number | null = null;
  #heldMs: number | null = null;
  #looks = 0;
  #because: string | null = null;

  constructor(plan: CrowdPlan, family: Family, settings?: LabSettings) {
    this.#plan = plan;
    this.#family = family;
    this.#settings = settings;
  }

  wasMade(made: Made): void {
    this.#made = made;
    this.#because = made.because;
  }

  reached(look: CrowdLook, reachedMs: number): void {
    this.#reachedMs = reachedMs;
    this.looked(look, 0);
  }

  notReached(look: CrowdLook, withinMs: number): void {
    this.#last = look;
    this.#looks++;
    this.#because = `not all connections reached their states within ${formatMs(withinMs)}: ${this.#found(look)}`;
  }

  looked(look: CrowdLook, heldMs: number): void {
    this.#last = look;
    this.#looks++;
    this.#heldMs = heldMs;
    this.#fewest = Math.min(this.#fewest ?? look.inState, look.inState);
    if (look.inState < this.#plan.count) this.#because ??= `after ${formatMs(heldMs)}, ${this.#found(look)}`;
  }

  get result(): CrowdResult {
    const { scenario, count, firstServerPort, swapped } = this.#plan;
    const { held, peer } = scenario;
    const { made, tookMs } = this.#made;
    const host = swapped ? otherHost(held.host) : held.host;
    return {
      format: 'tcplab.crowd/1',
      scenario: scenario.id,
      state: held.state,
      host,
      peer: { host: otherHost(host), state: peer, inState: this.#last.peersInState },
      ...(swapped ? { clientsAt: 'server' } : {}),
      serverPorts: { first: firstServerPort, last: serverPort(firstServerPort, count - 1) },
      family: this.#family,
      ...(this.#settings ? { settings: this.#settings } : {}),
      count,
      made,
      inState: this.#last.inState,
      fewest: this.#fewest,
      madeInMs: tookMs,
      perSecond: tookMs > 0 ? Math.round((made / tookMs) * 1000) : 0,
      reachedMs: this.#reachedMs,
      heldMs: this.#heldMs,
      looks: this.#looks,
      held: this.#reachedMs !== null && this.#because === null,
      because: this.#because,
      seenBy: ['socket-table'],
    };
  }

  #found({ inState, peersInState, others }: CrowdLook): string {
    const { state, host, count, peer } = this.result;
    const elsewhere = others?.map((each) => `${each.count} in ${each.state}`).join(', ');
    const ends = `the socket table showed ${inState} of ${count} in ${state}${elsewhere ? ` (${elsewhere})` : ''} at the ${host}`;
    return peersInState === null ? ends : `${ends}, and ${peersInState} in ${peer.state} at the ${peer.host}`;
  }
}

/** `close-wait: 4352 of 10000 created, 48200 per second` */
export function makingLine({ scenario, count }: CrowdPlan, made: number, perSecond: number): string {
  return `${scenario.id}: ${made} of ${count} created, ${perSecond.toFixed(0)} per second`;
}

/** The held connections now. No line is wider than `columns`. */
export function crowdLines(
  results: readonly CrowdResult[],
  { style, columns }: { style: Style; columns: number },
): string[] {
  const isAlone = results.length === 1;
  const witness = 'witness: the socket tables only (no packets captured, no kernel events read)';
  return [
    ...results.flatMap((result) => [
      '',
      ...(isAlone ? [] : [result.scenario]),
      ...linesOf(result, style, columns),
    ]),
    ...wrapBeside('', witness, columns),
  ];
}

function linesOf(result: CrowdResult, style: Style, columns: number): string[] {
  const { host, state, inState, count, peer } = result;
  const end = (name: HostName, itsState: State, found: number) =>
    `${pad(name, 6)}  ${style.bold(pad(itsState, 12))} ${found} of ${count}`;
  const ends = [end(host, state, inState)];
  if (peer.inState !== null) ends.push(end(peer.host, peer.state, peer.inState));
  const made = `created in ${formatMs(result.madeInMs)}, ${result.perSecond} per second; all in ${state} after ${formatMs(result.reachedMs ?? 0)}`;
  return [...ends, ...wrapBeside('', made, columns)];
}

export function crowdVerdict({ held, heldMs, looks, count, state, because }: CrowdResult): string {
  if (!held) return `not held: ${because}`;
  return `held for ${formatMs(heldMs ?? 0)}: all ${count} were in ${state} each of the ${looks} times the table was read`;
}
