import { spawnSync } from 'node:child_process';
import { SystemError } from '../error.ts';
import type { Family } from '../tcp/endpoint.ts';
import { systemCommand } from './system-command.ts';

/** A rule of the filter table, as iptables-save(8) prints it, and the packets that it has met. */
interface CountedRule {
  text: string;
  packets: number;
}

/**
 * iptables, or ip6tables, of this machine: whichever of its two kinds it has, over nf_tables or legacy. Each call runs one
 * command of it (3 to 8 ms), in the namespace in which the thread is then.
 */
export class Iptables {
  readonly #restore: string;
  readonly #save: string;

  constructor(family: Family) {
    const name = family === 'ipv6' ? 'ip6tables' : 'iptables';
    this.#restore = systemCommand(`${name}-restore`, PACKAGES);
    this.#save = systemCommand(`${name}-save`, PACKAGES);
  }

  /** Changes the filter table, all or nothing: `-A INPUT …`, `-D INPUT …` (iptables(8)). */
  change(commands: string[]): void {
    const input = ['*filter', ...commands, 'COMMIT', ''].join('\n');
    run(this.#restore, ['--noflush', '--wait', '5'], commands.join('; '), input);
  }

  list(): CountedRule[] {
    const saved = run(this.#save, ['-c', '-t', 'filter'], 'filter');
    return [...saved.matchAll(/^\[(\d+):\d+\] (-A .*)$/gm)].map(([, packets, text = '']) => ({
      text,
      packets: Number(packets),
    }));
  }
}

const PACKAGES = { debian: 'iptables', fedora: 'iptables-nft', alpine: 'iptables', arch: 'iptables' };

/**
 * iptables-legacy locks /run/xtables.lock, which an ordinary user may not, and which root would leave behind. What has to be
 * locked is the namespace, so the namespace's own file is the lock (each namespace's is another).
 */
const ENVIRONMENT = { XTABLES_LOCKFILE: '/proc/self/ns/net' };

function run(command: string, args: string[], detail: string, input = ''): string {
  const environment = { ...process.env, ...ENVIRONMENT };
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    input,
    encoding: 'utf8',
    env: environment,
  });
  if (status === 0) return stdout;
  // One that ends before it has read its input is an EPIPE here, and a reason there.
  const said =
    complaint(stderr ?? '') ??
    error?.message ??
    (signal ? `ended by ${signal}` : `exited with status ${status}`);
  throw new SystemError(command.slice(command.lastIndexOf('/') + 1), said, {
    detail,
    code: 'MACHINE',
    hint: HINT,
  });
}

const HINT =
  'use `--firewall nft`, or load the modules: modprobe -a nft_compat xt_tcpudp xt_comment xt_NFLOG ipt_REJECT ip6t_REJECT xt_length xt_ecn xt_u32 xt_conntrack';

/** Its error message, without its name, its version, and the hint to --help. */
function complaint(stderr: string): string | undefined {
  const lines = stderr
    .split('\n')
    .filter((line) => !/^(Error occurred at|Try `)/.test(line))
    .map((line) => line.replace(/^ip6?tables\S*( v\S+ \([\w ]+\))?:\s*/, '').trim());
  return lines.filter(Boolean).join('; ') || undefined;
}
