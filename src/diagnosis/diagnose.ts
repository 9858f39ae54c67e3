import { joinTables, type SeenSocket } from '../tables/join.ts';
import type { Facts, Paste, Table, TableRow } from '../tables/row.ts';
import { unknownsOf } from './cannot-know.ts';
import { withCounts } from './counted-states.ts';
import type { Diagnosis, Group } from './diagnosis.ts';
import { type GroupOrigin, groupsOf } from './groups.ts';
import { type Known, knownFrom } from './known.ts';
import { blamePorts, usedUp } from './ports.ts';
import { Scene } from './scene.ts';
import { findingsOf } from './together.ts';
import { verdictOf, worstFirst } from './verdict.ts';

/** What a paste shows of the connections in it. */
export function diagnosePaste({ tables, facts }: Paste): Diagnosis {
  const { sockets, entries, counts } = joinTables(tables);
  const errnos = facts.errors.map(({ errno }) => errno);
  return diagnose({ sockets, entries, counts, tables, facts, known: knownFrom(facts.sysctls, errnos) });
}

export interface Seen {
  sockets: readonly SeenSocket[];
  entries: readonly TableRow[];
  counts: readonly TableRow[];
  tables: readonly Table[];
  facts: Facts;
  known: Known;
}

export function diagnose({ sockets, entries, counts, tables, facts, known }: Seen): Diagnosis {
  const scene = new Scene(sockets, known);
  const full = usedUp(scene);
  const judged = withCounts(groupsOf(scene, entries), counts, scene);
  const groups = worstFirst(blamePorts(judged, full));
  return {
    groups: groups.map(reported),
    verdict: verdictOf(groups),
    findings: findingsOf(groups, full, scene),
    cannotKnow: unknownsOf(groups, scene, tables, facts),
  };
}

function reported({
  tables: _tables,
  isOneProcess: _one,
  shown: _shown,
  owned: _owned,
  ...group
}: Group & GroupOrigin): Group {
  return group;
}
