import { describe, expect, it } from 'vitest';
import { PLAIN, syn, synAck } from '../../../test/drawn.ts';
import {
  CONNECTION,
  captured,
  claimed,
  crafted,
  heldFrom,
  opened,
  ruleSet,
  timelineOf,
} from '../../../test/hand-built.ts';
import { passages } from '../../evidence/segments.ts';
import type { TcpSysctls } from '../../tcp/sysctls.ts';
import { resultOf, ruleReports, segmentReports } from '../story/result.ts';
import { segmentLegend, segmentLines } from './segment-line.ts';
import { statusLines } from './status.ts';

describe('a segment’s line', () => {
  it('says when tcplab made it', () => {
    const timeline = timelineOf(
      crafted(1, 'client', syn),
      captured(1.01, 'client', 'sent', syn),
      captured(1.02, 'server', 'received', syn),
      captured(2, 'server', 'sent', synAck),
      captured(2.01, 'client', 'received', synAck),
    );
    const reports = segmentReports(passages(timeline, CONNECTION), timeline);
    expect(reports.map((one) => one.crafted)).toEqual([true, undefined]);
    expect(reports.flatMap((one) => segmentLines(one, 80))).toEqual([
      '    0.0010 s  client → server  [S]  SYN      seq 0 crafted',
      '    0.0020 s  client ← server  [S.] SYN-ACK  seq 0 ack 1',
    ]);
  });

  it('of a socket that is its own peer goes to itself', () => {
    const timeline = timelineOf(
      captured(1, 'client', 'sent', syn),
      captured(1.01, 'server', 'received', syn),
    );
    const [report] = segmentReports(passages(timeline, CONNECTION), timeline);
    const lines = (columns: number) => report && segmentLines(report, columns, true);
    expect(lines(80)).toEqual(['    0.0010 s  client → itself  [S]  SYN      seq 0']);
    expect(lines(60)).toEqual(['0.0010 s → [S] SYN seq 0']);
    expect(segmentLegend(60, true).join(' ')).toMatch(/→ to itself$/);
    expect(segmentLegend(60).join(' ')).toMatch(/→ to server {2}← to client$/);
  });
});

describe('a rule that was removed', () => {
  const timeline = timelineOf(
    opened(),
    ruleSet(5, 'server', 'tcp dport 80 drop'),
    ruleSet(6, 'client', 'tcp sport 80 drop', 2),
    { type: 'rule-counted', atMs: 1004, host: 'server', rule: 1, packets: 1 },
    { type: 'rule-lifted', atMs: 1005, host: 'server', rule: 1 },
    claimed(1010, 'client', 'SYN-SENT'),
    heldFrom(1010, 1200),
  );

  it('is not shown as if it were in force', () => {
    const sysctls = {} as TcpSysctls;
    const lines = (columns: number) =>
      statusLines(timeline, { client: [], server: [] }, { client: sysctls, server: sysctls }, 1100, {
        style: PLAIN,
        columns,
      }).filter((line) => !line.startsWith('client  192') && !line.startsWith('server  192'));
    expect(lines(80)).toContain('server  rule 1: tcp dport 80 drop: 1 packet (removed after 1.0 s)');
    expect(lines(80)).toContain('client  rule 2: tcp sport 80 drop: 0 packets');
    expect(lines(60)).toContain('        (removed after 1.0 s)');
  });

  it('has the time in the JSON', () => {
    expect(ruleReports(timeline).map(({ liftedMs }) => liftedMs)).toEqual([1005, undefined]);
    expect(Object.keys(resultOf(timeline).rules[1] ?? {})).not.toContain('liftedMs');
  });
});
