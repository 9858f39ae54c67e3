import type { Facts } from './row.ts';

const SYSCTL = /^\s*(net\.[\w.]+)\s*[=:]\s*(-?\d[\d \t]*)$/;
const SYSCTL_FILE = /^\s*\/proc\/sys\/(net\/[\w/.-]+?):(-?\d[\d \t]*)$/;
const ERRORS: readonly (readonly [errno: string, text: RegExp])[] = [
  ['EADDRNOTAVAIL', /cannot assign requested address|EADDRNOTAVAIL/i],
  ['EMFILE', /too many open files|EMFILE|ENFILE/i],
  ['ETIMEDOUT', /connection timed out|ETIMEDOUT/i],
  ['ECONNREFUSED', /connection refused|ECONNREFUSED/i],
];
/** Lines that these commands print and that say nothing of TCP's sockets. */
const OTHER_SUMMARY =
  /^(?:sockets: used \d+|(?:UDP|UDPLITE|RAW|FRAG)6?: (?:inuse|memory) .*|TCP6: inuse \d+|Total: \d+.*|Transport\s+Total\s+IP\s+IPv6|(?:\*|RAW|UDP|TCP|INET|FRAG)\s+\d+\s+(?:\d+|-)\s+(?:\d+|-))\s*$/;

/** Collects what a paste shows beside its tables, line by line. */
export class FactReader {
  readonly #sysctls = new Map<string, string>();
  readonly #errors: { errno: string; line: number; text: string }[] = [];
  #sockstat: Facts['sockstat'] = null;
  #summary: Facts['summary'] = null;
  /** The sysctls that `cat` prints without their names, in the order of its arguments. */
  #expected: string[] = [];

  command(command: string): void {
    this.#expected = /(?:^|\s)cat\s/.test(command)
      ? [...command.matchAll(/\/proc\/sys\/(net\/\S+)/g)].map(([, path = '']) => path.replaceAll('/', '.'))
      : [];
  }

  /** Whether it could use the line. */
  read(text: string, line: number): boolean {
    const named = SYSCTL.exec(text) ?? SYSCTL_FILE.exec(text);
    const value = named?.[2] ?? /^\s*(-?\d[\d \t]*)$/.exec(text)?.[1];
    const name =
      named?.[1]?.replaceAll('/', '.') ?? (value === undefined ? undefined : this.#expected.shift());
    if (name !== undefined && value !== undefined) {
      this.#sysctls.set(name, value.trim());
      return true;
    }
    return this.#readSummary(text) || OTHER_SUMMARY.test(text) || this.#readError(text, line);
  }

  #readSummary(text: string): boolean {
    const [, inUse, orphans, timeWait] = /^TCP: inuse (\d+) orphan (\d+) tw (\d+)/.exec(text) ?? [];
    if (inUse !== undefined) {
      this.#sockstat = { inUse: Number(inUse), orphans: Number(orphans), timeWait: Number(timeWait) };
      return true;
    }
    const counted =
      /^TCP:\s+\d+ \(estab (\d+), closed \d+, orphaned (\d+),(?: synrecv \d+,)? timewait (\d+)/.exec(text);
    if (!counted) return false;
    const [, established, orphaned, waiting] = counted;
    this.#summary = {
      established: Number(established),
      orphans: Number(orphaned),
      timeWait: Number(waiting),
    };
    return true;
  }

  #readError(text: string, line: number): boolean {
    const [errno] = ERRORS.find(([, pattern]) => pattern.test(text)) ?? [];
    if (errno === undefined) return false;
    this.#errors.push({ errno, line, text: text.trim() });
    return true;
  }

  get facts(): Facts {
    return {
      sysctls: this.#sysctls,
      sockstat: this.#sockstat,
      summary: this.#summary,
      errors: this.#errors,
    };
  }
}
