import { leavesOut } from '../tables/command.ts';
import type { Facts, Table } from '../tables/row.ts';
import type { Group } from './diagnosis.ts';
import type { GroupOrigin } from './groups.ts';
import type { Scene } from './scene.ts';

/** What the tables leave open, the most important first. */
export function unknownsOf(
  groups: readonly (Group & GroupOrigin)[],
  scene: Scene,
  tables: readonly Table[],
  facts: Facts,
): string[] {
  const has = (fits: (group: Group) => boolean) => groups.some(fits);
  const holds = (...names: Group['holds'][]) => has((group) => names.includes(group.holds));
  const tools = new Set(tables.map(({ tool }) => tool));
  const isOnly = (tool: Table['tool']) => tools.size === 1 && tools.has(tool);
  const isHidden = tables.some(({ hidesOwners }) => hidesOwners);
  const ownerless = groups.filter(({ wrong, owner }) => wrong && owner === null);
  const orphans = ownerless.some(({ holds: by }) => /^(fin|peer-did)/.test(by));
  const needsOwner = ownerless.some(({ holds: by }) =>
    ['program-did-not-close', 'not-reading', 'accept-queue-full', 'not-accepted'].includes(by),
  );
  const ageless = groups.some(
    ({ since, state }) => since === null && state !== 'LISTEN' && state !== 'ESTABLISHED',
  );
  const uid = groups.find(
    ({ holds: by, owner, uid: user }) => by === 'program-did-not-close' && !owner && user !== null,
  )?.uid;
  return [
    ...(ageless ? [`since when (${ageReason(tools)})`] : []),
    ...(uid == null
      ? []
      : [`the name of the program: only uid ${uid} and inodes are shown (ls -l /proc/*/fd | grep socket:)`]),
    ...(needsOwner && uid == null
      ? [
          isHidden
            ? 'the owner: the tool hides it without root (ask again with sudo)'
            : 'the owner: no table shows it (netstat -p, ss -p, as root)',
        ]
      : []),
    ...(orphans ? ['which program it was: an orphan has no owner'] : []),
    ...(holds('2msl') ? ['which program closed: TIME-WAIT has no owner'] : []),
    ...groups.flatMap(({ shown, owned, count, owner }) => {
      const known = owned ?? shown;
      if (known === undefined || !owner) return [];
      return [`that all ${count} belong to ${owner.name ?? 'one program'}: a table shows it of ${known}`];
    }),
    ...(holds('data-unanswered') ? ['TCP_USER_TIMEOUT and other options of the socket'] : []),
    ...(holds('keepalive-unanswered') ? ['the interval and the limit of the keepalive probes'] : []),
    ...(holds('data-unanswered', 'keepalive-unanswered') &&
    has(({ state, holds: by }) => state === 'ESTABLISHED' && by === 'open')
      ? ['whether the peers of idle connections are alive']
      : []),
    ...(holds('fin-unanswered', 'data-unanswered', 'keepalive-unanswered')
      ? ['whether the peer is gone, or packets are dropped on the way']
      : []),
    ...(has(
      ({ holds: by, ends, culprit }) =>
        by === 'fin-behind-unsent-data' && ends.whenSeconds === null && culprit !== 'peer',
    )
      ? ['whether the peer does not read or does not answer: the table shows no timer (netstat -o, ss -o)']
      : []),
    ...(has(
      ({ state, ends, owner }) =>
        state === 'FIN-WAIT-2' && ends.whenSeconds !== null && ends.says.startsWith('At most') && !owner,
    )
      ? [
          'whether a descriptor is still open: then tcp_fin_timeout does not apply (netstat -o, ss -o show a timer, or none)',
        ]
      : []),
    ...(holds('synack-missing')
      ? ['whether the host is down or a firewall drops the packets', "the program's own timeout of connect()"]
      : []),
    ...(holds('handshake-ack-missing')
      ? [
          'whether it is a flood or a broken way back to the clients',
          'whether SYN cookies answer: those leave no socket',
        ]
      : []),
    ...(holds('not-reading') ? ["whether the program is slow or stuck: one look can't tell"] : []),
    ...(has(
      ({ state, evidence }) => state === 'LISTEN' && evidence.some((text) => /can't be known/.test(text)),
    )
      ? ['whether the accept queue is full: the table does not show the backlog (ss -ltn does)']
      : []),
    ...(has(({ evidence }) => evidence.some((text) => /may be in flight or unanswered/.test(text)))
      ? [
          'whether the bytes in Send-Q are in flight, unanswered or unwanted: the table shows no timer (netstat -o, ss -o)',
        ]
      : []),
    ...(has(({ state, wrong }) => state === 'TIME-WAIT' && wrong)
      ? ['tcp_tw_reuse, which would let connect() use a port again']
      : []),
    ...(scene.known.areDefaults && has(({ ends }) => ends.dependsOn.some((name) => name.startsWith('tcp_')))
      ? ['the sysctls of the host: times hold if it has the defaults of Linux 6.5 or later']
      : []),
    ...(scene.known.arePortsDefault && has(({ state, wrong }) => state === 'TIME-WAIT' && wrong)
      ? ['net.ipv4.ip_local_port_range: the default is assumed']
      : []),
    ...(isOnly('lsof')
      ? [
          'orphans and TIME-WAIT: lsof shows only sockets that have a descriptor',
          'queues and timers: lsof does not show them',
        ]
      : []),
    ...(tools.has('conntrack')
      ? ['which end has closed, and whether sockets exist: conntrack is a box between two ends']
      : []),
    ...(scene.sockets.some(({ local, peer }) => local?.isCut || peer?.isCut)
      ? ['addresses that netstat has cut: it prints them whole with -W']
      : []),
    ...(tables.some(({ command }) => leavesOut(command))
      ? ['other sockets and states: the command leaves lines out']
      : []),
    ...(facts.sockstat
      ? ["orphan, alloc and mem of sockstat are the whole machine's, not this table's"]
      : []),
    ...(facts.summary ? ["orphaned and the first number of `ss -s` are partly the whole machine's"] : []),
  ];
}

function ageReason(tools: ReadonlySet<Table['tool']>): string {
  if (tools.has('ss')) return 'ss -i shows an age, ss -o only that of TIME-WAIT and orphans';
  const [tool = 'the table'] = tools;
  return `${tool} shows no age; ss -i does`;
}
