import { addressInBrackets, endpointText } from '../tables/endpoint.ts';
import type { SeenSocket } from '../tables/join.ts';
import type { Owner, TableEndpoint, TableRow } from '../tables/row.ts';
import type { Ends, Finding, Group, GroupOwner, Since } from './diagnosis.ts';
import { judge, judgeEntry } from './judge.ts';
import type { Scene } from './scene.ts';
import { actOf, certainOf, labOf, whatOf } from './words.ts';

/** Of each group so many lines and holders are kept. */
const KEPT = 20;

/** Where a row belongs. */
interface Setting {
  state: Draft['state'];
  service: Draft['service'];
  socket: SeenSocket | null;
  scene: Scene;
}

interface Member {
  row: TableRow;
  finding: Finding;
}

/** Sockets that are alike, while they are collected. */
interface Draft {
  state: Group['state'];
  conntrack: string | null;
  /** State, endpoint and what holds it. */
  place: string;
  /** Whether a table has said who the owner is, or that there is none. */
  showsOwner: boolean;
  owned: number | undefined;
  first: Finding;
  members: number;
  passing: number;
  service: 'local' | 'peer' | null;
  local: Pattern;
  peer: Pattern;
  owners: readonly Owner[];
  holders: Owner[];
  uid: number | null;
  lines: number[];
  since: Range | null;
  when: Range | null;
  tolerance: number;
  receiveQueues: Map<number, number>;
  tables: number;
  isOneProcess: boolean;
}

interface Range {
  least: number;
  most: number;
}

/** The groups of all sockets of a scene, in no order. */
export function groupsOf(scene: Scene, entries: readonly TableRow[]): (Group & GroupOrigin)[] {
  const drafts = new Map<string, Draft>();
  for (const socket of scene.sockets) {
    const finding = judge(socket, scene);
    const service = scene.serviceOf(socket);
    add(drafts, { row: socket, finding }, { state: socket.state ?? 'CLOSED', service, socket, scene });
  }
  for (const row of entries)
    add(
      drafts,
      { row, finding: judgeEntry(row) },
      { state: 'conntrack', service: 'peer', socket: null, scene },
    );
  return withOwners([...drafts.values()]).map((draft) => finished(draft, scene));
}

/** Sockets of which no table shows an owner, added to those that are like them but for that, if all of these are of one program. */
function withOwners(drafts: readonly Draft[]): Draft[] {
  const unknown = drafts.filter(({ showsOwner }) => !showsOwner);
  const gone = new Set<Draft>();
  for (const draft of unknown) {
    const [alike, ...others] = drafts.filter(
      (other) => other.owners.length > 0 && other.place === draft.place,
    );
    if (!alike || others.length > 0) continue;
    alike.owned ??= alike.members;
    alike.members += draft.members;
    alike.passing += draft.passing;
    alike.lines = [...alike.lines, ...draft.lines].sort((a, b) => a - b).slice(0, KEPT);
    alike.isOneProcess = false;
    alike.tables = Math.max(alike.tables, draft.tables);
    for (const [queue, count] of draft.receiveQueues)
      alike.receiveQueues.set(queue, (alike.receiveQueues.get(queue) ?? 0) + count);
    alike.since = widened(widened(alike.since, draft.since?.least ?? null), draft.since?.most ?? null);
    alike.when = widened(widened(alike.when, draft.when?.least ?? null), draft.when?.most ?? null);
    gone.add(draft);
  }
  return drafts.filter((draft) => !gone.has(draft));
}

/** What the counts and the verdict need to know of a group beyond what is reported. */
export interface GroupOrigin {
  /** How many rows show it, if a count shows that there are more. */
  shown?: number;
  /** How many of its sockets a table shows with their owner, if not all. */
  owned?: number;
  /** The most tables in which one of its sockets is. */
  tables: number;
  isOneProcess: boolean;
}

function add(
  drafts: Map<string, Draft>,
  { row, finding }: Member,
  { state, service, socket, scene }: Setting,
): void {
  const owners = row.owners ?? [];
  const numberOf = (endpoint: TableEndpoint | null) => (endpoint ? scene.numberOf(endpoint) : '');
  const [local, peer] = [
    service === 'peer' ? '' : numberOf(row.local),
    service === 'local' ? '' : numberOf(row.peer),
  ];
  // A descriptor that is open or not decides what ends it.
  const orphan = socket && owners.length === 0 && state === 'FIN-WAIT-2' ? 'orphan' : '';
  const { holds, culprit, ends } = finding;
  const place = `${state} ${row.conntrack} ${holds} ${culprit} ${ends.how} ${service} ${local} ${peer} ${orphan}`;
  const showsOwner = row.owners !== null;
  const [first, ...others] = owners;
  const pids =
    others.length === 0
      ? (first?.pid ?? '')
      : owners
          .map(({ pid }) => pid)
          .sort()
          .join();
  const key = `${place} ${pids} ${showsOwner}`;
  let draft = drafts.get(key);
  if (!draft) {
    draft = {
      state,
      conntrack: row.conntrack,
      first: finding,
      members: 0,
      passing: 0,
      service,
      place,
      showsOwner,
      owned: undefined,
      local: new Pattern(),
      peer: new Pattern(),
      owners,
      holders: [],
      uid: row.uid,
      lines: [],
      since: null,
      when: null,
      tolerance: 0,
      receiveQueues: new Map(),
      tables: 0,
      isOneProcess: true,
    };
    drafts.set(key, draft);
  }
  draft.members += row.count;
  draft.passing += finding.isPassing ? row.count : 0;
  draft.local.add(row.local);
  draft.peer.add(row.peer);
  if (draft.holders.length < KEPT) draft.holders.push(...owners.slice(0, KEPT - draft.holders.length));
  if (draft.lines.length < KEPT && row.line > 0) draft.lines.push(row.line);
  draft.since = widened(draft.since, finding.since?.seconds ?? null);
  draft.when = widened(draft.when, finding.ends.whenSeconds);
  draft.tolerance = Math.max(draft.tolerance, finding.ends.tolerance ?? 0);
  if (row.receiveQueue !== null)
    draft.receiveQueues.set(row.receiveQueue, (draft.receiveQueues.get(row.receiveQueue) ?? 0) + 1);
  draft.tables = Math.max(draft.tables, socket?.tables ?? 1);
  draft.isOneProcess &&= socket?.isOneProcess ?? false;
}

function widened(range: Range | null, value: number | null): Range | null {
  if (value === null) return range;
  return { least: Math.min(range?.least ?? value, value), most: Math.max(range?.most ?? value, value) };
}

function finished(draft: Draft, scene: Scene): Group & GroupOrigin {
  const { state, conntrack, first, members, service } = draft;
  const wrong: boolean = first.culprit !== 'nobody' && first.culprit !== null && draft.passing < members;
  const group = {
    state,
    ...(conntrack === null ? {} : { conntrack }),
    count: members,
    local: service === 'peer' ? draft.local.withAnyPort : draft.local.text,
    peer: service === 'local' ? draft.peer.withAnyPort : draft.peer.text,
    owner: ownerOf(draft.owners, first.holds),
    holders: draft.holders.map(({ name, pid, fd }) => ({ name, pid, fd })),
    uid: draft.uid,
    holds: first.holds,
    culprit: draft.passing === members && first.culprit !== 'nobody' ? ('nobody' as const) : first.culprit,
    since: sinceOf(first.since, draft.since),
    ends: endsOf(first.ends, draft),
    evidence: evidenceOf(draft),
    lines: draft.lines,
    wrong,
    ...(draft.owned === undefined ? {} : { owned: draft.owned }),
    tables: draft.tables,
    isOneProcess: draft.isOneProcess,
  };
  const about = { ...group, service, isPassing: draft.passing === members };
  return {
    ...group,
    what: whatOf(about),
    act: actOf(about),
    certain: certainOf(about, scene),
    lab: labOf(about),
  };
}

/** The parent first: a process that inherits a descriptor is younger. Other processes may hold a listener, too, without harm. */
function ownerOf(owners: readonly Owner[], holds: Finding['holds']): GroupOwner | null {
  const programs = [...new Map(owners.map(({ pid, name }) => [pid, { name, pid }])).values()].sort(
    (a, b) => a.pid - b.pid,
  );
  const [owner, also] = programs;
  if (!owner) return null;
  return also && holds !== 'listening' ? { ...owner, also } : owner;
}

function sinceOf(first: Since | null, range: Range | null): Since | null {
  if (!first || !range) return null;
  const spread = range.most - range.least;
  return { ...first, seconds: range.most, tolerance: Math.max(first.tolerance, spread) };
}

function endsOf(first: Ends, { when, tolerance }: Draft): Ends {
  if (!when) return first;
  return { ...first, whenSeconds: when.most, tolerance: Math.max(tolerance, when.most - when.least) };
}

/** The evidence of the first, and how many differ in what they have not read. */
function evidenceOf({ first, state, receiveQueues, members }: Draft): string[] {
  if (state !== 'CLOSE-WAIT' || receiveQueues.size < 2) return [...first.evidence];
  const read = receiveQueues.get(0) ?? 0;
  const onlyFin = receiveQueues.get(1) ?? 0;
  const unread = members - read - onlyFin;
  const of = (count: number, says: string) => (count > 0 ? [`${count} of ${members}: ${says}`] : []);
  return [
    ...of(read, 'Recv-Q 0, so the program has read the end of file and not closed.'),
    ...of(onlyFin, 'Recv-Q 1, which is the FIN itself: the program has not called read() since.'),
    ...of(unread, 'Recv-Q above 1, so data and the FIN are not read.'),
  ];
}

/** What the ends of a group have in common: `10.20.0.10:*`, `203.0.113.*:*`. */
class Pattern {
  #first: TableEndpoint | null = null;
  #octets: string[] | null = null;
  #isOnePort = true;
  #isOneAddress = true;

  add(endpoint: TableEndpoint | null): void {
    if (!endpoint) return;
    if (!this.#first) {
      this.#first = endpoint;
      return;
    }
    if (endpoint.port !== this.#first.port || endpoint.service !== this.#first.service)
      this.#isOnePort = false;
    if (endpoint.address === this.#first.address) return;
    this.#isOneAddress = false;
    this.#octets ??= octetsOf(this.#first.address);
    const octets = octetsOf(endpoint.address);
    let common = 0;
    while (common < this.#octets.length && octets[common] === this.#octets[common]) common++;
    this.#octets = this.#octets.slice(0, common);
  }

  get text(): string | null {
    if (!this.#first) return null;
    return this.#isOneAddress && this.#isOnePort ? endpointText(this.#first) : this.withAnyPort;
  }

  get withAnyPort(): string | null {
    if (!this.#first) return null;
    if (this.#isOneAddress) return `${addressInBrackets(this.#first)}:*`;
    const octets = this.#octets ?? [];
    return octets.length > 0 ? `${octets.join('.')}.*:*` : '*:*';
  }
}

/** Only IPv4 addresses have a common beginning that says something to a reader. */
function octetsOf(address: string): string[] {
  return /^\d+(\.\d+){3}$/.test(address) ? address.split('.') : [];
}
