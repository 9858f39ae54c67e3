import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, type Outcome, Program, TCPLAB, tcplabHereWith, temporaryFolder } from './cli.ts';

/**
 * Two network namespaces that are nobody's but the test's, as two machines in a LAN: 10.77.0.1 and .2. They have no names, so
 * that tests beside this one see nothing of them. With `startSshd` each has a real sshd, reached as `ssh:a` and `ssh:b`.
 */
export class TwoMachines {
  readonly a: Program;
  readonly b: Program;
  readonly folder: string = temporaryFolder();
  readonly #sshds: Program[] = [];

  private constructor(a: Program, b: Program) {
    this.a = a;
    this.b = b;
  }

  static async create(): Promise<TwoMachines> {
    const keep = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && echo ready && exec sleep 100000'];
    const machines = new TwoMachines(new Program(keep), new Program(keep));
    const { a, b } = machines;
    await Promise.all([a.until(/ready/), b.until(/ready/)]);
    inside(a, `ip link add eth7 type veth peer name eth7 netns ${b.pid}`);
    for (const [index, machine] of [a, b].entries()) {
      inside(machine, `ip address add 10.77.0.${index + 1}/24 dev eth7`);
      inside(machine, `ip address add fd77::${index + 1}/64 dev eth7 nodad`);
      inside(machine, 'ip link set eth7 up');
    }
    await Promise.all([a, b].map(untilUp));
    return machines;
  }

  /** `pid:` and the number of a process in there. */
  get places(): { client: string; server: string } {
    return { client: `pid:${this.a.pid}`, server: `pid:${this.b.pid}` };
  }

  /** A real sshd in each, with a key that was made for this test alone. */
  async startSshd(): Promise<void> {
    const path = (name: string) => join(this.folder, name);
    for (const key of ['user', 'host']) {
      spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path(key)]);
    }
    // Where an sshd without privileges is confined; a service would make it.
    if (!existsSync('/run/sshd')) mkdirSync('/run/sshd', { mode: 0o755 });
    writeFileSync(
      path('sshd_config'),
      `Port 22\nHostKey ${path('host')}\nAuthorizedKeysFile ${path('user.pub')}\nPidFile none\nStrictModes no\nUsePAM no\nMaxStartups 100\n`,
    );
    const [type, key] = readFileSync(path('host.pub'), 'utf8').split(' ');
    writeFileSync(
      path('known'),
      ['127.0.0.1', '10.77.0.2'].map((host) => `${host} ${type} ${key}\n`).join(''),
    );
    const through = ({ pid }: Program) => `ProxyCommand nsenter --net=/proc/${pid}/ns/net nc 127.0.0.1 22`;
    const config = [
      `Host a nokey stranger\n  HostName 127.0.0.1\n  ${through(this.a)}`,
      `Host b\n  HostName 127.0.0.1\n  ${through(this.b)}`,
      'Host direct\n  HostName 10.77.0.2',
      `Host stranger\n  UserKnownHostsFile /dev/null`,
      'Host nokey\n  PubkeyAuthentication no',
      `Host *\n  User root\n  IdentitiesOnly yes\n  IdentityFile ${path('user')}\n  UserKnownHostsFile ${path('known')}\n`,
    ];
    writeFileSync(path('ssh_config'), config.join('\n'));
    for (const machine of [this.a, this.b]) {
      const sshd = new Program(enter(machine, ['/usr/sbin/sshd', '-D', '-e', '-f', path('sshd_config')]));
      await sshd.until(/listening on 0\.0\.0\.0/, 'stderr');
      this.#sshds.push(sshd);
    }
  }

  get environment(): NodeJS.ProcessEnv {
    return { TCPLAB_SSH: `ssh -F ${join(this.folder, 'ssh_config')}` };
  }

  /** Runs tcplab to its end, in this process; by ssh, these machines are `a` and `b`. */
  tcplab(...args: string[]): Promise<Outcome> {
    return tcplabHereWith(this.environment, ...args);
  }

  start(...args: string[]): Program {
    return new Program([...TCPLAB, ...args], this.environment);
  }

  end(): void {
    for (const program of [...this.#sshds, this.a, this.b]) program.kill('SIGKILL');
  }
}

/** The words that run a command in a machine. */
export function enter({ pid }: Program, words: readonly string[]): string[] {
  return ['nsenter', `--net=/proc/${pid}/ns/net`, '--', ...words];
}

/** Runs a shell command in a machine; gives what it said. */
export function inside(machine: Program, command: string): string {
  const [program = '', ...args] = enter(machine, ['sh', '-c', command]);
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
  return stdout;
}

/** Waits until the link is up: the kernel detects it some time after `ip link set up`, and the address is unreachable before. */
export async function untilUp(machine: Program): Promise<void> {
  await eventually('the link to be up', () => inside(machine, 'ip link show eth7').includes('state UP'));
}

/** What tcplab has set there: its tables, and its rules of iptables. */
export function rulesOf(machine: Program): string {
  return inside(machine, 'nft list tables; iptables-save; ip6tables-save')
    .split('\n')
    .filter((line) => line.includes('tcplab'))
    .join('\n');
}

export async function untilRules(machine: Program, are: 'set' | 'gone', withinMs?: number): Promise<void> {
  await eventually(`rules to be ${are}`, () => (rulesOf(machine) === '') === (are === 'gone'), withinMs);
}
