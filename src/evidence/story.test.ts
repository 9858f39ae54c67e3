import { describe, expect, it } from 'vitest';
import {
  CONNECTION,
  captured,
  crafted,
  dropped,
  kernelDropped,
  passed,
  ruleSet,
  segment,
  timelineOf,
} from '../../test/hand-built.ts';
import { fates, inputsAt } from '../../test/story.ts';
import type { Captured } from './events.ts';
import { inputsOf, passages, wordsOfDrop } from './segments.ts';
import type { Timeline } from './timeline.ts';

const syn = segment('client', 'S', 0);
const ack = segment('client', '.', 1, 1);

describe('a segment that the kernel says it dropped', () => {
  const data = { ...segment('client', 'PF.', 1, 1), payload: Buffer.from('abc') };

  it('was not given to TCP, where nothing of it counted', () => {
    const bad = kernelDropped(1.02, 'server', 'received', syn, 'TCP_CSUM');
    const timeline = timelineOf(...passed(1, 'client', syn), bad, ...passed(2, 'client', syn));
    expect(fates(timeline)).toEqual(['S dropped by TCP_CSUM', 'S delivered']);
    expect(inputsAt(timeline, 'server')).toEqual(['received S']);
    expect(inputsAt(timeline, 'client')).toEqual(['sent S', 'sent S']);
  });

  it('is known by its headers: its data is not told', () => {
    const full = kernelDropped(1.02, 'server', 'received', data, 'NETFILTER_DROP');
    const timeline = timelineOf(...passed(1, 'client', data), full);
    expect(fates(timeline)).toEqual(['FP. dropped by NETFILTER_DROP']);
    expect(inputsAt(timeline, 'server')).toEqual([]);
  });

  it('counts as far as it was used: an acknowledgment alone, where there was no room for the data', () => {
    const full = kernelDropped(1.02, 'server', 'received', data, 'TCP_ZEROWINDOW');
    const timeline = timelineOf(...passed(1, 'client', data), full);
    expect(fates(timeline)).toEqual(['FP. dropped by TCP_ZEROWINDOW']);
    expect(inputsOf(timeline, CONNECTION, 'server')).toMatchObject([
      { segment: { flags: 'P.', length: 0, ack: data.ack } },
    ]);
  });

  it('is delivered where it had its effect: the kernel names a reason for these, too', () => {
    const used = kernelDropped(1.02, 'server', 'received', data, 'TCP_OLD_DATA');
    const timeline = timelineOf(...passed(1, 'client', data), used);
    expect(fates(timeline)).toEqual(['FP. delivered']);
    expect(inputsAt(timeline, 'server')).toEqual(['received FP.']);
  });

  it('leaves the packets in doubt, where nobody knows what its reason means', () => {
    const odd = kernelDropped(1.02, 'server', 'received', ack, 'TCP_SOMETHING_NEW');
    const timeline = timelineOf(...passed(1, 'client', ack), odd);
    expect(inputsOf(timeline, CONNECTION, 'server')).toMatchObject([{ doubt: expect.stringMatching(/NEW/) }]);
  });

  it('is the one that a rule of the lab dropped, where one says so, however late its log was read', () => {
    const inward = [
      ...passed(1, 'client', syn),
      kernelDropped(1.02, 'server', 'received', syn, 'NETFILTER_DROP'),
      dropped(1.01, 'server', 'in', syn),
    ];
    expect(fates(timelineOf(...inward))).toEqual(['S dropped by 1']);
    const outward = [
      kernelDropped(1, 'client', 'sent', syn, 'NETFILTER_DROP'),
      dropped(3, 'client', 'out', syn),
    ];
    expect(fates(timelineOf(...outward))).toEqual(['S dropped by 1']);
  });

  it('was sent, though no capture saw it', () => {
    const timeline = timelineOf(kernelDropped(1, 'client', 'sent', syn, 'NETFILTER_DROP'));
    expect(fates(timeline)).toEqual(['S dropped by NETFILTER_DROP']);
    expect(inputsAt(timeline, 'client')).toEqual(['sent S']);
    expect(inputsAt(timeline, 'server')).toEqual([]);
  });
});

describe('a copy or a changed form of a segment', () => {
  it('that was dropped at its sender says nothing of one that arrived', () => {
    const copy = kernelDropped(1.005, 'client', 'sent', syn, 'NETFILTER_DROP');
    expect(fates(timelineOf(...passed(1, 'client', syn), copy))).toEqual(['S delivered']);
  });

  it('that was on its way on from the receiver says nothing of what arrived there', () => {
    const copy = kernelDropped(1.02, 'server', 'received', syn, 'NEIGH_FAILED');
    const timeline = timelineOf(...passed(1, 'client', syn), copy);
    expect(fates(timeline)).toEqual(['S delivered']);
    expect(inputsAt(timeline, 'server')).toEqual(['received S']);
  });

  it('that was dropped is the segment, when a rule changed its window before', () => {
    const changed = { ...ack, window: 1 };
    const drop = kernelDropped(1.02, 'server', 'received', changed, 'NETFILTER_DROP');
    const timeline = timelineOf(...passed(1, 'client', ack), drop);
    expect(fates(timeline)).toEqual(['. dropped by NETFILTER_DROP']);
    expect(inputsAt(timeline, 'server')).toEqual([]);
  });
});

describe('where a segment came from', () => {
  const origins = (timeline: Timeline) => passages(timeline, CONNECTION).map(({ origin }) => origin);
  const data = segment('client', 'P.', 1, 1);
  /** As RFC 9293, 3.10.7.1 has it: its number is what the segment acknowledged. */
  const refusal = { ...segment('server', 'R', 1), ack: null };

  it('is the rule that rejected with an RST, for the RST that answers what it dropped', () => {
    const rule = ruleSet(0, 'server', 'tcp dport 80 reject with tcp reset');
    const story = [rule, ...passed(1, 'client', data), dropped(1.01, 'server', 'in', data)];
    expect(origins(timelineOf(...story, ...passed(2, 'server', refusal)))).toEqual(['tcp', { rule: 1 }]);
    // Each drop is answered once.
    const twice = [...passed(2, 'server', refusal), ...passed(3, 'server', refusal)];
    expect(origins(timelineOf(...story, ...twice))).toEqual(['tcp', { rule: 1 }, 'tcp']);
  });

  it('is the host’s TCP for an RST beside a rule that answers with ICMP errors', () => {
    const rule = ruleSet(0, 'server', 'tcp dport 80 reject with icmp port-unreachable');
    const story = [rule, ...passed(1, 'client', data), dropped(1.01, 'server', 'in', data)];
    const timeline = timelineOf(...story, ...passed(2, 'server', refusal));
    expect(origins(timeline)).toEqual(['tcp', 'tcp']);
    expect(inputsAt(timeline, 'server')).toEqual(['sent R']);
  });

  it('is a firewall for the RST that answers what netfilter dropped by a rule of somebody else', () => {
    // The kernel sends the answer first.
    const drop = kernelDropped(2.02, 'server', 'received', data, 'NETFILTER_DROP');
    const timeline = timelineOf(...passed(1, 'client', data), ...passed(2, 'server', refusal), drop);
    expect(origins(timeline)).toEqual(['tcp', 'firewall']);
    expect(inputsAt(timeline, 'server')).toEqual([]);
  });

  it('is tcplab for what it crafted, and no more', () => {
    const timeline = timelineOf(
      crafted(1, 'client', syn),
      ...passed(1, 'client', syn),
      ...passed(2, 'client', syn),
    );
    expect(origins(timeline)).toEqual(['crafted', 'tcp']);
  });
});

describe('a segment that did not arrive', () => {
  it('is not called lost when the other host’s capture did not keep up', () => {
    const sent = captured(1, 'client', 'sent', syn);
    expect(fates(timelineOf(sent))).toEqual(['S lost']);
    const what = 'the capture lost 3 packets';
    const overflow = { type: 'lost', atMs: 5, witness: 'packets', host: 'server', what } as const;
    expect(fates(timelineOf(sent, overflow))).toEqual(['S unseen']);
    expect(fates(timelineOf(sent, { ...overflow, host: 'client' }))).toEqual(['S lost']);
  });
});

describe('a drop by netfilter', () => {
  it('is not said to be by a rule of somebody else when the log of the lab’s own lost something', () => {
    const drop = kernelDropped(1.02, 'server', 'received', syn, 'NETFILTER_DROP');
    const what = 'the packet log lost 3 packets';
    const overflow = { type: 'lost', atMs: 5, witness: 'packets', host: 'server', what } as const;
    expect(wordsOfDrop(timelineOf(drop), drop)).toBe('netfilter (not a rule of this lab)');
    expect(wordsOfDrop(timelineOf(drop, overflow), drop)).toMatch(/rule unknown: a log overflowed/);
  });
});

describe('a segment that is longer than captures keep', () => {
  it('is known by its headers: dropped by a rule whose log has another part of it', () => {
    const long = { ...segment('client', 'P.', 1, 1), payload: Buffer.alloc(4000, 7) };
    const cut = <T extends { bytes: string }>(event: T, length: number): T => ({
      ...event,
      bytes: Buffer.from(event.bytes, 'base64').subarray(0, length).toString('base64'),
    });
    const [sent, arrived] = passed(1, 'client', long) as [Captured, Captured];
    const timeline = timelineOf(cut(sent, 2048), cut(arrived, 2048), dropped(1.01, 'server', 'in', long));
    expect(fates(timeline)).toEqual(['P. dropped by 1']);
  });
});
