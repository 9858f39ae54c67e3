import type { HostName, RulesSeen } from '../evidence/events.ts';
import { COUNTED_AFTER_MS } from '../evidence/foreign-rules.ts';
import { legacyTables } from '../kernel/legacy-tables.ts';
import type { NetworkNamespace } from '../kernel/namespace.ts';
import { NftGeneration } from '../kernel/nft-generation.ts';
import { Nftables } from '../kernel/nftables.ts';
import { rulesOf } from './foreign-ruleset.ts';

/** So often they are read even if nothing seems to have changed: packets that no capture shows move counters too. */
const EVERY_MS = 1000;

interface Options {
  name: HostName;
  namespace: NetworkNamespace;
  nowMs: () => number;
}

/** Reads the rules that others set in a host, whenever they or their counters may have changed. It never changes one. */
export class RulesWatch {
  readonly #options: Options;
  readonly #generation: NftGeneration;
  readonly #nftables: Nftables;
  /** When the last reading began, and what it found. */
  #last: { ms: number; generation: number; shown: string } | undefined;
  /** When packets of the host were last read. */
  #packetsMs = Number.NEGATIVE_INFINITY;

  constructor(options: Options) {
    this.#options = options;
    [this.#generation, this.#nftables] = options.namespace.enter(() => [new NftGeneration(), new Nftables()]);
  }

  /** Packets have passed: the counters may move within a while. */
  expect(): void {
    this.#packetsMs = this.#options.nowMs();
  }

  /** What is there, if it is something new. */
  read(): RulesSeen | undefined {
    const { name: host, namespace, nowMs } = this.#options;
    const startMs = nowMs();
    const generation = this.#generation.read();
    const before = this.#last;
    const isSame = before?.generation === generation && before.ms > this.#packetsMs + COUNTED_AFTER_MS;
    if (isSame && startMs - before.ms < EVERY_MS) return undefined;
    const { rules, unread } = namespace.enter(() => ({
      rules: rulesOf(this.#nftables.listAll()),
      unread: unreadWords(legacyTables()),
    }));
    const shown = JSON.stringify([rules, unread]);
    this.#last = { ms: startMs, generation, shown };
    // Before the first rule there is nothing to say.
    if (shown === (before?.shown ?? NOTHING)) return undefined;
    const atMs = nowMs();
    return {
      type: 'rules-seen',
      atMs,
      host,
      tookMs: atMs - startMs,
      sameUntilMs: before?.ms ?? null,
      rules,
      unread,
    };
  }

  close(): void {
    this.#generation.close();
    this.#nftables.close();
  }
}

const NOTHING = JSON.stringify([[], null]);

function unreadWords(tables: readonly string[]): string | null {
  return tables.length > 0
    ? `iptables-legacy (${tables.join(', ')}): tcplab can't read its rules, and any may drop packets`
    : null;
}
