import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REPOSITORY } from './cli.ts';

type Why = (reason: string, where: { isRoot: boolean; isCi: boolean }) => string | undefined;

// By a variable: the script is plain JavaScript, without types.
const script = join(REPOSITORY, 'scripts/skips.mjs');
const { whyNotExcused } = (await import(script)) as { whyNotExcused: Why };

describe('a skipped test', () => {
  it.each([
    'needs chromium, which this machine does not have',
    'nc is not on this machine',
    'this machine has no iptables-legacy',
    'takes more than a minute, for TIME-WAIT is waited out: TCPLAB_SLOW=1 runs it',
    'not written yet',
    '',
  ])('counts as failed in CI alone: %s', (reason) => {
    for (const isRoot of [true, false]) {
      expect(whyNotExcused(reason, { isRoot, isCi: true })).toBe('skipped, and CI has to run it');
      expect(whyNotExcused(reason, { isRoot, isCi: false })).toBeUndefined();
    }
  });

  it('for lack of root is excused for an ordinary user who is not CI', () => {
    const reason = 'needs root: kernel events';
    const why = (isRoot: boolean, isCi: boolean) => whyNotExcused(reason, { isRoot, isCi });
    expect(why(false, false)).toBeUndefined();
    expect(why(false, true)).toMatch(/CI has to run it as root/);
    for (const isCi of [true, false]) expect(why(true, isCi)).toMatch(/a cause that root does not have/);
  });

  it('for a cause that no set-up can fix is excused everywhere', () => {
    const reason = 'this machine itself is in 192.168.2.0/24';
    for (const isCi of [true, false]) expect(whyNotExcused(reason, { isRoot: true, isCi })).toBeUndefined();
  });
});
