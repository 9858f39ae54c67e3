import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { type HostName, otherHost } from '../src/evidence/events.ts';
import type { Host } from '../src/lab/host.ts';
import { Lab } from '../src/lab/lab.ts';
import { formatPcapng } from '../src/report/files/pcapng/pcapng.ts';
import { CATALOGUE, scenariosOf } from '../src/scenario/catalogue.ts';
import { reachState } from '../src/scenario/reach.ts';
import type { Scenario } from '../src/scenario/scenario.ts';
import { linuxNumberOf, STATES, type State } from '../src/tcp/state.ts';
import { STATE_NAMES } from '../src/tcp/state-names.ts';

const PATH = `${process.env['PATH']}${delimiter}/usr/sbin${delimiter}/sbin`;

describe('the names of a state', () => {
  it.each(STATES)('%s: /proc/net/tcp has its number in the kernel', (state) => {
    const { proc } = STATE_NAMES[state];
    if (proc !== null) expect(Number.parseInt(proc, 16)).toBe(linuxNumberOf(state));
  });

  it.for(STATES)('%s: ss takes its filter, and no other', async (state, { skip }) => {
    if (!has('ss')) skip('ss is not on this machine');
    await using lab = await Lab.open();
    expect(await run(lab.host('client'), `ss -tan state ${STATE_NAMES[state].ssFilter} >/dev/null`)).toBe('');
    expect(await run(lab.host('client'), 'ss -tan state no-such-state')).toContain('wrong state name');
  });

  /** One scenario for each state, and that of the descriptor that is still open, for lsof. */
  const held = [
    ...STATES.map((state) => scenariosOf(state)[0]),
    CATALOGUE.find(({ id }) => id === 'fin-wait-1-descriptor-open'),
    CATALOGUE.find(({ id }) => id === 'syn-received-simultaneous-open'),
  ].filter((scenario) => scenario !== undefined);

  it.for(held)('are what the tools print in $id', async (scenario) => {
    await using lab = await Lab.open();
    for (const host of [lab.host('client'), lab.host('server')]) await run(host, TRACK);
    const connection = await reachState(lab, scenario);
    if (!connection) throw new Error('the state was not reached');
    const ends: [HostName, State][] = [
      [scenario.held.host, scenario.held.state],
      [otherHost(scenario.held.host), scenario.peer],
    ];
    for (const [name, state] of ends) {
      const host = lab.host(name);
      const { ss, netstat, proc } = STATE_NAMES[state];
      // The rows of the connection; a listener is the row without a peer.
      const port = state === 'LISTEN' ? connection.server.port : connection.client.port;
      const rows = {
        ss: has('ss') && column(await run(host, 'ss -tan'), 0, port),
        netstat: has('netstat') && column(await run(host, 'netstat -tan'), 5, port),
        proc: column(await run(host, 'cat /proc/net/tcp'), 3, hexadecimal(port)),
      };
      // No row: a socket in CLOSED. Its end has none, or no tool lists it.
      const expected = { ss: state === 'CLOSED' ? null : ss, netstat, proc };
      for (const [tool, names] of Object.entries(rows)) {
        if (names === false) continue;
        const own = expected[tool as keyof typeof expected];
        expect(names.slice(0, 1), `${tool}, ${name}`).toEqual(own === null ? [] : [own]);
      }
    }
  });

  it.for(held)('are what lsof and conntrack print in $id', async (scenario, { skip }) => {
    if (!has('lsof') || !has('conntrack')) skip('lsof or conntrack is not on this machine');
    await using lab = await Lab.open();
    const host = lab.host(scenario.held.host);
    for (const each of [lab.host('client'), lab.host('server')]) await run(each, TRACK);
    const connection = await reachState(lab, scenario);
    const { lsof, conntrack } = STATE_NAMES[scenario.held.state];
    const shown = [...(await run(host, 'lsof -nP -iTCP')).matchAll(/\(([A-Z_0-9]+)\)$/gm)].map(
      ([, name]) => name,
    );
    if (lsof === null || !hasDescriptor(scenario)) expect(shown).not.toContain(lsof);
    else expect(shown).toContain(lsof);
    const entries = (await run(host, 'conntrack -L -p tcp')).split('\n');
    const own = entries.filter((line) => line.includes(`sport=${connection?.client.port} `));
    for (const line of own) {
      // The crafted SYN of LISTEN and bound ends in an RST, which is CLOSE.
      const names = scenario.held.state === 'LISTEN' ? ['CLOSE'] : conntrack;
      expect(names).toContain(line.split(/ +/)[3]);
    }
    if (scenario.held.state !== 'CLOSED') expect(own).not.toEqual([]);
  });

  it.for(held)('are what Wireshark finds out about a capture of $id', async (scenario, { skip }) => {
    if (!has('tshark')) skip('tshark is not on this machine');
    if (scenario.held.state === 'LISTEN' || scenario.held.state === 'CLOSED') return;
    await using lab = await Lab.open();
    await reachState(lab, scenario);
    const origin = {
      tool: { name: 'tcplab' as const, version: '0' },
      machine: { kernel: '0', arch: 'x64', privilege: 'root' as const },
    };
    const capture = formatPcapng(lab.timeline, origin);
    const folder = mkdtempSync(join(tmpdir(), 'tcplab-names-'));
    try {
      writeFileSync(join(folder, 'capture.pcapng'), capture);
      const printed = await run(lab.host('client'), `tshark -r ${folder}/capture.pcapng -O tcp`);
      const found = [...printed.matchAll(/Conversation completeness: (.*) \(\d+\)/g)].at(-1)?.[1];
      expect(STATE_NAMES[scenario.held.state].wireshark).toContain(found);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** A rule that asks for the state of connections makes the kernel track them. */
const TRACK = 'iptables -A INPUT -m conntrack --ctstate INVALID';

/** lsof shows only what a process holds open. */
function hasDescriptor({ id }: Scenario): boolean {
  return !['syn-received', 'fin-wait-1', 'last-ack', 'time-wait'].includes(id);
}

/** A column of the rows with the port, listeners first. */
function column(output: string, index: number, port: number | string): string[] {
  const rows = output.split('\n').filter((line) => new RegExp(`:${port}\\b`).test(line));
  return rows.map((line) => line.trim().split(/\s+/)[index] ?? '');
}

async function run(host: Host, command: string): Promise<string> {
  const child = await host.spawn('sh', ['-c', `exec 2>&1; ${command}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
    environment: { PATH, LC_ALL: 'C' },
  });
  return text(child.stdout as NonNullable<typeof child.stdout>);
}

function hexadecimal(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}

function has(tool: string): boolean {
  return PATH.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
