import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, readdirSync, readlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { endOf } from '../src/evidence/connection.ts';
import { type HostName, otherHost } from '../src/evidence/events.ts';
import { stateInTable } from '../src/evidence/witness/socket-table.ts';
import { currentPrivilege } from '../src/kernel/privileges.ts';
import type { Host } from '../src/lab/host.ts';
import { Lab, type Tables } from '../src/lab/lab.ts';
import { formatByHand } from '../src/report/guide/by-hand/format.ts';
import type { ByHand, Key, States, Step } from '../src/scenario/by-hand/by-hand.ts';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import type { Scenario } from '../src/scenario/scenario.ts';
import { parseState, type State } from '../src/tcp/state.ts';

const HOSTS = ['client', 'server'] as const;
const PATH = `${process.env['PATH']}${delimiter}/usr/sbin${delimiter}/sbin`;
const ENVIRONMENT = { PATH, LC_ALL: 'C', TERM: 'dumb', SHELL: '/bin/sh', PS1: '# ' };

describe('what is printed', () => {
  it.each(CATALOGUE)('of $id fits, and can be typed or pasted', ({ byHand: recipe }) => {
    expect(recipe.steps).not.toEqual([]);
    const printed = formatByHand(recipe);
    for (const line of printed.split('\n')) {
      expect(stringWidth(line), line).toBeLessThanOrEqual(80);
      // To a shell, a line can't be broken in this way within quotes.
      if (line.endsWith(' \\')) expect(line).not.toMatch(/['"]/);
    }
    const unbroken = printed.replaceAll(/ \\\n\s+/g, ' ');
    for (const step of allSteps(recipe)) expect(unbroken).toContain(lineOf(step));
  });
});

// One suite, so that they run side by side.
describe('typed on two machines', { timeout: 120_000 }, () => {
  for (const scenario of CATALOGUE) {
    it.concurrent(`${scenario.id} is in its states`, async ({ expect, skip }) => {
      const recipe = scenario.byHand;
      const missing = missingTool(recipe);
      if (missing) skip(`${missing} is not on this machine`);
      await using machines = await follow(recipe);
      await machines.untilListed(scenario);
      for (const step of recipe.cleanUp) await machines.take(step);
      expect(await machines.rulesLeft()).toEqual([]);
      await machines.untilNoProgramHasASocket();
      await machines.leaveTerminals();
      expect(machines.processes()).toEqual([]);
    });
  }

  it.concurrent('fin-wait-1 is not, if a rule is wrong', async ({ expect, skip }) => {
    const recipe = recipeOf('fin-wait-1');
    const missing = missingTool(recipe);
    if (missing) skip(`${missing} is not on this machine`);
    await using machines = await TwoMachines.open();
    const wrong = (step: Step) =>
      'run' in step ? { ...step, run: step.run.replace('--dport 80', '--dport 81') } : step;
    const close = recipe.steps.findIndex((step) => 'press' in step);
    for (const step of recipe.steps.slice(0, close)) await machines.take(wrong(step));
    machines.patienceMs = 1000;
    const closed = machines.take(recipe.steps[close] as Step);
    await expect(closed).rejects.toThrow(/client: FIN-WAIT-1.*but there is client: TIME-WAIT/);
  });

  it.concurrent('syn-sent is not taken for syn-sent-dropped-at-client by tcpdump', async ({
    expect,
    skip,
  }) => {
    if (!CAN_WATCH) skip(NO_WATCH);
    const [recipe, other] = [recipeOf('syn-sent'), recipeOf('syn-sent-dropped-at-client')];
    const missing = missingTool(recipe);
    if (missing) skip(`${missing} is not on this machine`);
    await using machines = await TwoMachines.open();
    for (const step of recipe.steps) await machines.take(step);
    machines.patienceMs = 1000;
    const taken = machines.take(other.cleanUp.at(-1) as Step);
    await expect(taken).rejects.toThrow('it does not print 0 packets captured');
  });

  it.concurrent('programs that still run or are stopped end with their terminals', async ({
    expect,
    skip,
  }) => {
    const listen: Step = { on: 'server', terminal: 'nc', run: 'nc -lvn 80', see: { server: ['LISTEN'] } };
    const missing = missingTool({ steps: [listen], cleanUp: [] });
    if (missing) skip(`${missing} is not on this machine`);
    await using machines = await TwoMachines.open();
    await machines.take(listen);
    await machines.take({ on: 'server', terminal: 'nc', press: 'Ctrl-Z', ready: 'Stopped' });
    expect(machines.processes().length).toBeGreaterThan(0);
    await machines.hangUp();
    expect(machines.processes()).toEqual([]);
  });
});

/** On a busy machine the ACK of time-wait is sent alone, before the FIN, as its recipe warns. */
const ACK_ALONE = /192\.168\.2\.11\.80 > .*Flags \[\.\].*\n.*192\.168\.2\.11\.80 > .*Flags \[F\.\]/;

/** Takes the steps of a recipe, and repeats them where the recipe itself asks for it. */
async function follow(recipe: ByHand): Promise<TwoMachines> {
  for (let tries = 1; ; tries++) {
    const machines = await TwoMachines.open();
    try {
      for (const step of recipe.steps) await machines.take(step);
      return machines;
    } catch (error) {
      await machines[Symbol.asyncDispose]();
      const isToBeRepeated = recipe === recipeOf('time-wait') && ACK_ALONE.test((error as Error).message);
      if (!isToBeRepeated || tries === 4) throw error;
    }
  }
}

/** Two hosts, joined by a wire, and somebody who types at them and looks. */
class TwoMachines implements AsyncDisposable {
  /** How long to wait for what is to be seen. */
  patienceMs = 20_000;
  readonly #lab: Lab;
  readonly #terminals = new Map<string, Terminal>();
  readonly #namespaces: readonly string[];

  private constructor(lab: Lab, namespaces: readonly string[]) {
    this.#lab = lab;
    this.#namespaces = namespaces;
  }

  static async open(): Promise<TwoMachines> {
    const lab = await Lab.open();
    const link = async (name: HostName) =>
      (await run(lab.host(name), 'readlink /proc/self/ns/net')).output.trim();
    const namespaces = [await link('client'), await link('server')];
    for (const name of HOSTS) await run(lab.host(name), 'ip link set lo up');
    return new TwoMachines(lab, namespaces);
  }

  /** Takes a step as it is written down, and waits until what is to be seen is seen. */
  async take(step: Step): Promise<void> {
    if (!CAN_WATCH && 'terminal' in step && isWatch(step.terminal)) return;
    const marks = new Map([...this.#terminals].map(([place, { output }]) => [place, output.length]));
    const since = (place: string) => this.#terminals.get(place)?.output.slice(marks.get(place) ?? 0) ?? '';
    const host = this.#lab.host(step.on);
    let own: () => string | Promise<string>;
    if ('look' in step) {
      own = async () => (await run(host, step.look)).output;
    } else if ('terminal' in step && step.terminal !== undefined) {
      const place = `${step.on}/${step.terminal}`;
      const terminal = this.#terminals.get(place) ?? (await Terminal.open(host));
      this.#terminals.set(place, terminal);
      if ('press' in step) terminal.press(step.press);
      else terminal.type('type' in step ? step.type : step.run);
      own = () => since(place);
    } else {
      const { output } = await run(host, lineOf(step));
      own = () => output;
    }
    await this.#untilSeen(step, own, since);
  }

  /** Waits until netstat, ss and tcplab's own socket table have both ends where the scenario has them. */
  async untilListed(scenario: Scenario): Promise<void> {
    const { held, peer } = scenario;
    await this.#until(`${held.host} in ${held.state}, its peer in ${peer}`, async () => {
      const tables = await this.#lab.observe();
      if (!isThere(scenario, tables)) return describeTables(tables);
      for (const host of HOSTS) {
        const own = listed(tables[host]);
        const [netstat, ss] = [await this.#list(host, 'netstat -tan'), await this.#list(host, 'ss -tan')];
        for (const [tool, theirs] of Object.entries({ netstat, ss }))
          if (String(theirs) !== String(own)) return `on the ${host} ${tool} lists ${theirs} and we ${own}`;
      }
      return undefined;
    });
  }

  async untilNoProgramHasASocket(): Promise<void> {
    await this.#until('all programs ended', async () => {
      const { client, server } = await this.#lab.observe();
      const left = [...client, ...server].filter(({ inode }) => inode !== 0);
      return left.length ? `left: ${left.map(({ state }) => state)}` : undefined;
    });
  }

  async rulesLeft(): Promise<string[]> {
    const lists = await Promise.all(HOSTS.map((host) => run(this.#lab.host(host), 'iptables -S')));
    return lists.flatMap(({ output }) =>
      output.split('\n').filter((line) => line && !line.startsWith('-P ')),
    );
  }

  /** Ends each shell as a person does, which works only when nothing runs in it any more. */
  async leaveTerminals(): Promise<void> {
    for (const [place, terminal] of this.#terminals) {
      terminal.type('exit');
      await this.#until(`${place} closed`, () =>
        terminal.isClosed ? undefined : JSON.stringify(terminal.output),
      );
    }
  }

  /** The processes that are in either namespace, besides this one. */
  processes(): string[] {
    return readdirSync('/proc').filter((pid) => {
      if (!/^\d+$/.test(pid)) return false;
      try {
        return this.#namespaces.includes(readlinkSync(`/proc/${pid}/ns/net`));
      } catch {
        return false;
      }
    });
  }

  /** With the terminals’ ends the kernel hangs up on all that runs in them, stopped or not. */
  async hangUp(): Promise<void> {
    await Promise.all([...this.#terminals.values()].map((terminal) => terminal.hangUp()));
    await this.#until('all processes ended', () => this.processes().join(' ') || undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.hangUp();
    } finally {
      await this.#lab[Symbol.asyncDispose]();
    }
  }

  async #untilSeen(
    step: Step,
    own: () => string | Promise<string>,
    since: (place: string) => string,
  ): Promise<void> {
    const { see = {}, ready } = step;
    const { prints = ready ? [ready] : undefined, at = {} } = see;
    await this.#until(`${step.on}: ${lineOf(step)}: ${describeStates(see)}`, async () => {
      const tables = await this.#lab.observe();
      for (const host of HOSTS) if (!fits(see[host], listed(tables[host]))) return describeTables(tables);
      const outputs = Object.entries(at)
        .filter(([place]) => CAN_WATCH || !isWatch(place))
        .map(([place, parts]) => ({ place, parts, output: since(place) }));
      if (prints) outputs.push({ place: 'it', parts: prints, output: await own() });
      const missing = outputs.find(({ output, parts }) => !hasLines(output, parts));
      return missing && `${missing.place} does not print ${missing.parts.join(' | ')}:\n${missing.output}`;
    });
  }

  /** Tries until there is nothing to complain of. */
  async #until(
    what: string,
    complaint: () => Promise<string | undefined> | string | undefined,
  ): Promise<void> {
    let last: string | undefined;
    try {
      await this.#lab.waitFor(
        what,
        async () => {
          last = await complaint();
          return last === undefined;
        },
        this.patienceMs,
      );
    } catch (error) {
      throw new Error(`${(error as Error).message}, but ${last}`, { cause: error });
    }
  }

  /** What a tool lists, in our words. */
  async #list(host: HostName, command: 'netstat -tan' | 'ss -tan'): Promise<State[]> {
    const { output } = await run(this.#lab.host(host), command);
    const column = command === 'ss -tan' ? 0 : 5;
    const names = output
      .split('\n')
      .filter((line) => / \d+\.\d+\.\d+\.\d+:\d+ /.test(line))
      .map((line) => line.split(/\s+/)[column] ?? '');
    return names.map((name) => parseState(name) ?? (`?${name}` as State)).sort();
  }
}

/** A terminal with a shell, by way of script(1): input passes through the kernel's terminal driver. */
class Terminal {
  output = '';
  isClosed = false;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (data: string) => {
      this.output += data.replaceAll(/[\r\0]/g, '');
    });
    child.once('close', () => {
      this.isClosed = true;
    });
    // A shell that has gone can't be typed to.
    child.stdin?.on('error', () => {});
  }

  static async open(host: Host): Promise<Terminal> {
    const options = { stdio: ['pipe', 'pipe', 'inherit'] as ['pipe', 'pipe', 'inherit'] };
    // As on a machine where nothing else runs. An ordinary user's stays as it is.
    const args = ['-n', '-19', 'script', '-q', '-c', 'sh -i', '/dev/null'];
    return new Terminal(await host.spawn('nice', args, { ...options, environment: ENVIRONMENT }));
  }

  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  press(key: Key): void {
    this.#child.stdin?.write({ 'Ctrl-C': '\x03', 'Ctrl-D': '\x04', 'Ctrl-Z': '\x1a' }[key]);
  }

  async hangUp(): Promise<void> {
    if (this.isClosed) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
  }
}

/** No command that ends by itself takes as long. */
const ENDS_WITHIN_MS = 20_000;

/** Runs a command to its end and gives all that it prints. */
async function run(host: Host, command: string): Promise<{ output: string }> {
  // A session of its own, so that it can be ended with all that it has started.
  const child = await host.spawn('setsid', ['sh', '-c', `exec 2>&1; ${command}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
    environment: ENVIRONMENT,
  });
  const closed = once(child, 'close');
  const tooLong = setTimeout(() => process.kill(-(child.pid ?? Number.NaN), 'SIGKILL'), ENDS_WITHIN_MS);
  const output = await text(child.stdout as NonNullable<typeof child.stdout>);
  await closed;
  clearTimeout(tooLong);
  return { output };
}

/** The states that netstat and ss list: not of sockets that are only bound. */
function listed(rows: Tables[HostName]): State[] {
  return rows
    .map(({ state }) => state)
    .filter((state) => state !== 'CLOSED')
    .sort();
}

/** Whether the host has an end in the state, and its other end is where it should be. */
function isThere({ held, peer }: Scenario, tables: Tables): boolean {
  const peerHost = otherHost(held.host);
  const ends = tables[held.host].filter(({ state }) => state === held.state);
  if (held.state === 'CLOSED')
    return (
      listed(tables[held.host]).length === 0 &&
      String(listed(tables[peerHost])) === (peer === 'CLOSED' ? '' : peer)
    );
  return ends.some(({ local, remote }) => {
    const connection =
      held.host === 'client' ? { client: local, server: remote } : { client: remote, server: local };
    const end = endOf(connection, peerHost, peer);
    return stateInTable(tables[end.host], end) === peer;
  });
}

function fits(expected: States | undefined, states: readonly State[]): boolean {
  if (!expected) return true;
  const alike = expected.includes('…');
  const [left, right] = [expected.filter((state) => state !== '…'), states].map((all) =>
    String(alike ? [...new Set(all)].sort() : [...all].sort()),
  );
  return left === right;
}

function describeTables({ client, server }: Tables): string {
  return `there is ${describeStates({ client: listed(client), server: listed(server) })}`;
}

function describeStates(states: Partial<Record<HostName, States>>): string {
  return HOSTS.flatMap((host) =>
    states[host] ? [`${host}: ${states[host].join(', ') || 'none'}`] : [],
  ).join('; ');
}

/** Whether lines that follow each other have these parts; a part does not begin within a number. */
function hasLines(output: string, parts: readonly string[]): boolean {
  const lines = output.split('\n').map((line) => line.replaceAll(/\s+/g, ' '));
  const patterns = parts.map((part) => new RegExp(`(?<!\\d)${part.split('…').map(literally).join('.*')}`));
  return lines.some((_, start) =>
    patterns.every((pattern, offset) => pattern.test(lines[start + offset] ?? '')),
  );
}

function literally(part: string): string {
  return part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Without tcpdump the tables are still read. */
const CAN_WATCH = currentPrivilege() === 'root';
const NO_WATCH = 'needs root: tcpdump goes on as a user of its own, and a user namespace has only one';

function isWatch(place: string | undefined): boolean {
  return place?.endsWith('tcpdump') ?? false;
}

function lineOf(step: Step): string {
  if ('press' in step) return step.press;
  if ('type' in step) return step.type;
  return 'run' in step ? step.run : step.look;
}

function recipeOf(scenarioId: string): ByHand {
  const scenario = CATALOGUE.find(({ id }) => id === scenarioId);
  if (!scenario) throw new Error(`no scenario ${scenarioId}`);
  return scenario.byHand;
}

function allSteps({ steps, cleanUp }: ByHand): Step[] {
  return [...steps, ...cleanUp];
}

const TOOLS = [
  'script',
  'setsid',
  'iptables',
  'netstat',
  'ss',
  'nc',
  'telnet',
  'tcpdump',
  'python3',
  'sysctl',
];

/** The first tool of a recipe, or of looking at it, that this machine lacks. */
function missingTool(recipe: ByHand): string | undefined {
  const commands = allSteps(recipe).map(lineOf).join('\n');
  const needed = TOOLS.filter((tool, index) => index < 5 || new RegExp(`\\b${tool} `).test(commands));
  return needed.find((tool) => !PATH.split(delimiter).some((folder) => isExecutable(join(folder, tool))));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
