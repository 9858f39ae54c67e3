import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makeFolder } from './folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'tcplab-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a folder', () => {
  it('is made with all above it that are missing', () => {
    const path = join(folder, 'a', 'b', 'c');
    makeFolder(path);
    expect(statSync(path).isDirectory()).toBe(true);
  });

  it('that is there, or that a link leads to, is left as it is', () => {
    mkdirSync(join(folder, 'there'));
    symlinkSync('there', join(folder, 'link'));
    makeFolder(join(folder, 'there'));
    makeFolder(join(folder, 'link', 'below'));
    expect(statSync(join(folder, 'there', 'below')).isDirectory()).toBe(true);
  });

  it.each(['/proc/x', '/proc/x/y', '/proc/self/fd/x'])('can’t be made below /proc: %s', (path) => {
    expect(() => makeFolder(path)).toThrow(/ENOENT/);
  });

  it('can’t be made where a file is, or a link that leads nowhere', () => {
    writeFileSync(join(folder, 'file'), '');
    symlinkSync('nowhere', join(folder, 'dangling'));
    expect(() => makeFolder(join(folder, 'file'))).toThrow(/EEXIST/);
    expect(() => makeFolder(join(folder, 'file', 'x'))).toThrow(/ENOTDIR/);
    expect(() => makeFolder(join(folder, 'dangling'))).toThrow(/EEXIST/);
  });
});
