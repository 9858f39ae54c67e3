import { describe, expect, it } from 'vitest';
import type { RulesSeen } from '../src/evidence/events.ts';
import { COUNTED_AFTER_MS, rulesThatDropped } from '../src/evidence/foreign-rules.ts';
import { NetworkNamespace } from '../src/kernel/namespace.ts';
import { Nftables } from '../src/kernel/nftables.ts';
import { setLoopbackUp } from '../src/kernel/rtnetlink.ts';
import * as kernel from '../src/kernel/socket.ts';
import { RulesWatch } from '../src/lab/rules-watch.ts';
import { opened, timelineOf } from './hand-built.ts';

const RULE =
  'add table inet t; add chain inet t c { type filter hook input priority 0; }; add rule inet t c tcp flags syn counter drop';

describe('the rules that others set', () => {
  it('are read again for a while after a packet, because it may be counted late', () => {
    using watched = new Watched();
    watched.watch.read();
    watched.set(RULE);
    expect(watched.watch.read()?.rules[0]).toMatchObject({ packets: 0, effect: 'may drop' });
    watched.nowMs += 10;
    watched.watch.expect();
    expect(watched.watch.read()).toBeUndefined();
    // The packet that was expected, counted only now.
    watched.sendSyn();
    watched.nowMs += COUNTED_AFTER_MS / 2;
    expect(watched.watch.read()?.rules[0]?.packets).toBe(1);
    watched.nowMs += 2 * COUNTED_AFTER_MS;
    watched.watch.read();
    watched.sendSyn();
    watched.nowMs += 1;
    expect(watched.watch.read()).toBeUndefined();
  });

  it('may have dropped what was captured just before a reading that had not counted it', () => {
    const rule = {
      chain: 'ip filter INPUT',
      handle: 2,
      hook: 'input',
      text: 'drop',
      effect: 'may drop',
    } as const;
    const seen = (atMs: number, packets: number, sameUntilMs: number | null): RulesSeen => ({
      ...{ type: 'rules-seen', atMs, host: 'server', tookMs: 1, sameUntilMs, unread: null },
      rules: [{ ...rule, packets }],
    });
    // The reading that began at 101 found nothing new.
    const timeline = timelineOf({ ...opened(), watched: true }, seen(10, 0, null), seen(150, 1, 101));
    const of = (atMs: number) =>
      rulesThatDropped(timeline, { host: 'server', direction: 'received', atMs }).length;
    expect(of(100)).toBe(1);
    expect(of(120)).toBe(1);
    expect(of(101 - 2 * COUNTED_AFTER_MS)).toBe(0);
    expect(of(160)).toBe(0);
  });
});

/** A namespace whose rules are watched by a clock of the test's. */
class Watched implements Disposable {
  nowMs = 0;
  readonly #namespace = NetworkNamespace.create();
  readonly watch: RulesWatch;

  constructor() {
    this.#namespace.enter(() => setLoopbackUp());
    this.watch = new RulesWatch({ name: 'server', namespace: this.#namespace, nowMs: () => this.nowMs });
  }

  set(commands: string): void {
    this.#namespace.enter(() => {
      const nftables = new Nftables();
      nftables.run(commands);
      nftables.close();
    });
  }

  sendSyn(): void {
    const fd = this.#namespace.enter(() => kernel.openTcpSocket('ipv4'));
    kernel.connect(fd, { address: '127.0.0.1', port: 9 });
    kernel.close(fd);
  }

  [Symbol.dispose](): void {
    this.watch.close();
    this.#namespace.close();
  }
}
