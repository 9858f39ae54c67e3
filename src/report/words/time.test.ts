import { describe, expect, it } from 'vitest';
import { formatPause, formatTime } from './time.ts';

describe('times', () => {
  it('have three digits and seven columns', () => {
    const told = [0, 0.0004, 0.082, 0.9994, 0.9996, 9.994, 9.996, 99.96, 999.4, 999.6, 12_340, 134_000, 1e7];
    expect(told.map(formatTime)).toEqual([
      '0',
      '0 µs',
      '82 µs',
      '999 µs',
      '1.00 ms',
      '9.99 ms',
      '10.0 ms',
      '100 ms',
      '999 ms',
      '1.00 s',
      '12.3 s',
      '134 s',
      '167 min',
    ]);
  });

  it('of pauses are rough', () => {
    expect([20, 94, 204, 1030, 12_300, 134_000].map(formatPause)).toEqual([
      '20 ms',
      '94 ms',
      '0.2 s',
      '1.0 s',
      '12 s',
      '2 min 14 s',
    ]);
  });
});
