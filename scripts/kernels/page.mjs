/** @typedef {import('./look.mjs').Kernel} Kernel */
/** @typedef {import('./look.mjs').Result} Result */

const WITNESSES = ['socket-table', 'packets', 'kernel-events'];

const SIDES = /** @type {const} */ (['client', 'server']);

/** Sysctls that depend on the machine's memory, its modules, or chance, and not on the kernel's version. */
const NOT_OF_THE_VERSION =
  /^tcp_(mem|[rw]mem|max_orphans|max_tw_buckets|max_syn_backlog|ehash_entries|.*congestion_control|available_ulp|fastopen_key)$/;

/**
 * The text between the marks.
 * @param {Kernel} theirs
 * @param {Kernel} ours
 */
export function section(theirs, ours) {
  const parts = [
    `Linux ${theirs.kernel} on two virtual machines, Linux ${ours.kernel} in the two namespaces of a lab.`,
    ['## Scenarios', scenarios(theirs, ours)],
    ['## Arcs', arcs(theirs, ours)],
    ['## What differs', ''],
    ['### Verdicts and witnesses', listOr(witnesses(theirs, ours))],
    ['### The paths of both ends', listOr(ways(theirs, ours))],
    ['### Notes', listOr(notes(theirs, ours))],
    ['### Retransmissions', repeats(theirs, ours)],
    ['### Sysctls', sysctls(theirs, ours)],
    ['### Tracepoints', tracepoints(theirs, ours)],
  ];
  return `${parts
    .flat()
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
}

/** @param {Kernel} kernel */
export function unprovenOf({ runs, arcs, long }) {
  const ofRuns = [...runs, { what: 'held for 8 s', results: long }].flatMap(({ what, results }) =>
    results.filter(isUnproven).map(({ scenario, because }) => `${scenario} (${what}): ${because}`),
  );
  const ofArcs = arcs.arcs.filter(isUnproven).map((arc) => `arc ${arc.number}: ${arc.because}`);
  const unexplained = arcs.unexplained.map(
    ({ scenario, host, from, to }) => `${scenario}: ${host} ${from} → ${to} is not explained`,
  );
  return [...ofRuns, ...ofArcs, ...unexplained];
}

/** @param {{ verdict: string }} result */
function isUnproven({ verdict }) {
  return verdict !== 'proven';
}

/**
 * @param {Kernel} theirs
 * @param {Kernel} ours
 */
function scenarios(theirs, ours) {
  const rows = (theirs.runs[0]?.results ?? []).map(({ scenario, host, state }) => {
    const words = [theirs, ours].map((kernel) =>
      alike(
        kernel.runs.map(({ what, results }) => [what, resultOf(results, scenario)?.verdict ?? 'not run']),
      ),
    );
    const seen = [theirs, ours].map((kernel) => seenIn(resultOf(kernel.runs[0]?.results ?? [], scenario)));
    return [scenario, `${host} ${state}`, ...words, ...seen];
  });
  const head = [
    'scenario',
    'held',
    ...both(theirs, ours),
    ...both(theirs, ours).map((name) => `seen by, ${name}`),
  ];
  const runs = theirs.runs.map(({ what }) => what).join(', ');
  return `Each scenario ran ${theirs.runs.length} times (${runs}). The table has one verdict if all runs agree. "Seen by" lists the witnesses of the first run, in the order socket table, packets, kernel events.\n\n${table(head, rows)}`;
}

/**
 * @param {Kernel} theirs
 * @param {Kernel} ours
 */
function arcs(theirs, ours) {
  const rows = theirs.arcs.arcs.map(({ number, from, to, trigger, verdict, seenBy }) => {
    const own = ours.arcs.arcs.find((arc) => arc.number === number);
    const seen = [seenBy, own?.seenBy ?? []].map((names) =>
      marks(WITNESSES.map((name) => names.includes(name) || null)),
    );
    return [`${number}`, `${from} → ${to}`, trigger, verdict, own?.verdict ?? 'not run', seen[0], seen[1]];
  });
  const head = [
    '#',
    'arc',
    'trigger',
    ...both(theirs, ours),
    ...both(theirs, ours).map((name) => `seen by, ${name}`),
  ];
  return table(head, rows);
}

/**
 * @param {Kernel} theirs
 * @param {Kernel} ours
 */
function witnesses(theirs, ours) {
  return pairs(theirs, ours).flatMap(({ what, their, our }) => {
    const [one, other] = [their, our].map((result) => `${result.verdict} (${seenIn(result)})`);
    return one === other ? [] : [`${their.scenario}, ${what}: ${one} – ${other}`];
  });
}

/**
 * @param {Kernel} theirs
 * @param {Kernel} ours
 */
function ways(theirs, ours) {
  return pairs(theirs, ours).flatMap(({ what, their, our }) =>
    SIDES.flatMap((side) => {
      const [one, other] = [their, our].map(({ transitions }) => transitions[side].join(' → ') || '–');
      return one === other
        ? []
        : [
            `${their.scenario}, ${what}, ${side}: ${one} (Linux ${theirs.kernel}); ${other} (Linux ${ours.kernel})`,
          ];
    }),
  );
}

/**
 * @param {Kernel} theirs
 * @param {Kernel} ours
 */
function notes(theirs, ours) {
  return pairs(theirs, ours).flatMap(({ what, their, our }) => {
    const [one, other] = [their, our].map((result) => result.notes.map(withoutNumbers));
    const byChance = [theirs, ours].flatMap((kernel) => unsteadyNotes(kernel, their.scenario));
    const only = (/** @type {string[]} */ a, /** @type {string[]} */ b) =>
      a.filter((note) => !b.includes(note) && !byChance.includes(note));
    const [there, here] = [only(one ?? [], other ?? []), only(other ?? [], one ?? [])];
    if (there.length + here.length === 0) return [];
    return [
      `${their.scenario}, ${what}: ${there.join('; ') || 'no note'} (Linux ${theirs.kernel}); ${here.join('; ') || 'no note'} (Linux ${ours.kernel})`,
    ];
  });
}

/**
 * What one kernel said in one run of a scenario and not in the next: no difference between two kernels.
 * @param {Kernel} kernel
 * @param {string} scenario
 */
function unsteadyNotes({ runs, again }, scenario) {
  const [one, other] = [runs[0]?.results ?? [], again].map(
    (results) => resultOf(results, scenario)?.notes.map(withoutNumbers) ?? [],
  );
  return [...(one ?? []), ...(other ?? [])].filter((note) => !one?.includes(note) || !other?.includes(note));
}

/**
 * Removes durations and counts of retransmissions, because they depend on the machine's speed.
 * @param {string} note
 */
function withoutNumbers(note) {
  return note
    .replace(/ after [\d.]+ m?s/g, '')
    .replace(/^\d+ (SYN-ACK|SYN|final ACK|segment)s?\b/, '$1s')
    .replace(/ \+\d+/g, '');
}

/**
 * @param {Kernel} theirs
 * @param {Kernel} ours
 */
function repeats(theirs, ours) {
  const rows = theirs.long.map(({ scenario, host, state }) => {
    const times = [theirs, ours].map(({ long }) => repeatsOf(resultOf(long, scenario), state));
    return [scenario, `${host} ${state}`, ...times];
  });
  const head = ['scenario', 'held', ...both(theirs, ours)];
  return `The times at which the held end sent the same segment within about 8 s, in seconds after the first.\n\n${table(head, rows)}`;
}

/**
 * @param {Result | undefined} result
 * @param {string} state
 */
function repeatsOf(result, state) {
  const flags = state === 'SYN-SENT' ? 'S' : state === 'SYN-RECEIVED' ? 'S.' : 'F.';
  const sent = (result?.segments ?? []).filter(
    (segment) => segment.host === result?.host && segment.flags === flags,
  );
  return sent.map(({ atMs }) => ((atMs - (sent[0]?.atMs ?? 0)) / 1000).toFixed(1)).join(', ') || '–';
}

/**
 * @param {Kernel} theirs
 * @param {Kernel} ours
 */
function sysctls(theirs, ours) {
  const names = [...new Set([...theirs.sysctls.keys(), ...ours.sysctls.keys()])].sort();
  const rows = names
    .filter((name) => !NOT_OF_THE_VERSION.test(name))
    .map((name) => [`net.ipv4.${name}`, theirs.sysctls.get(name) ?? 'none', ours.sysctls.get(name) ?? 'none'])
    .filter(([, their, our]) => their !== our);
  const about =
    'Defaults in a new network namespace. Sysctls that depend on the memory or the modules of the machine are left out.';
  return `${about}\n\n${table(['sysctl', ...both(theirs, ours)], rows)}`;
}

/**
 * @param {Kernel} theirs
 * @param {Kernel} ours
 */
function tracepoints(theirs, ours) {
  const names = [...new Set([...theirs.tracepoints.keys(), ...ours.tracepoints.keys()])].sort();
  const rows = names.flatMap((name) => {
    const [one, other] = [theirs, ours].map(({ tracepoints }) => tracepoints.get(name)?.split(' '));
    if (!one || !other) return [[name, one ? 'present' : 'none', other ? 'present' : 'none']];
    const [more, less] = [
      one.filter((field) => !other.includes(field)),
      other.filter((field) => !one.includes(field)),
    ];
    return more.length + less.length === 0 ? [] : [[name, more.join(' ') || '–', less.join(' ') || '–']];
  });
  const about =
    'Tracepoints that only one kernel has ("none" under the other), and fields that a tracepoint has in one kernel only.';
  return `${about}\n\n${table(['tracepoint', ...both(theirs, ours)], rows)}`;
}

/**
 * Each scenario of each run, with its results on both kernels.
 * @param {Kernel} theirs
 * @param {Kernel} ours
 */
function pairs(theirs, ours) {
  return theirs.runs.flatMap(({ what, results }, index) =>
    results.flatMap((their) => {
      const our = resultOf(ours.runs[index]?.results ?? [], their.scenario);
      return our ? [{ what, their, our }] : [];
    }),
  );
}

/**
 * @param {Result[]} results
 * @param {string} scenario
 */
function resultOf(results, scenario) {
  return results.find((result) => result.scenario === scenario);
}

/** @param {Result | undefined} result */
function seenIn(result) {
  return marks(['socketTable', 'packets', 'kernelEvents'].map((name) => result?.witnesses[name]?.agrees));
}

/** @param {(boolean | null | undefined)[]} agreeing */
function marks(agreeing) {
  return agreeing.map((agrees) => (agrees === true ? '✓' : agrees === false ? '✗' : '–')).join(' ');
}

/** @param {(readonly [string, string])[]} words */
function alike(words) {
  const [first] = words;
  if (words.every(([, word]) => word === first?.[1])) return first?.[1] ?? 'not run';
  return words.map(([what, word]) => `${what}: ${word}`).join(', ');
}

/**
 * @param {Kernel} theirs
 * @param {Kernel} ours
 */
function both(theirs, ours) {
  return [theirs, ours].map(({ kernel }) => `Linux ${kernel}`);
}

/** @param {string[]} lines */
function listOr(lines) {
  return lines.length === 0 ? 'No differences.' : lines.map((line) => `- ${line}`).join('\n');
}

/**
 * @param {string[]} head
 * @param {(string | undefined)[][]} rows
 */
function table(head, rows) {
  if (rows.length === 0) return 'No differences.';
  const line = (/** @type {(string | undefined)[]} */ cells) =>
    `| ${cells.map((cell) => cell ?? '').join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
