import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { isPlace, parsePlace } from './place.ts';

const WORDS = ['sh', '-c', 'printf "%s|" "$0" "$@"', "it's", '$HOME', '`date`', 'a  b', '*', '"', ''];
const SAID = `it's|$HOME|\`date\`|a  b|*|"||`;

/** Runs the words as they come out. */
function said([program = '', ...args]: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8' });
}

describe('a place', () => {
  afterEach(() => {
    delete process.env['TCPLAB_SSH'];
  });

  it('has its words run there as they are, whatever shells are in between', () => {
    expect(said(parsePlace('local').command(WORDS))).toBe(SAID);
    expect(said(parsePlace('exec:env A=1').command(WORDS))).toBe(SAID);
    // As sshd does it: what ssh is given is joined by spaces, and goes to a shell.
    process.env['TCPLAB_SSH'] = 'sh -c \'shift 4; exec sh -c "$*"\' ssh';
    expect(said(parsePlace('ssh:user@a').command(WORDS))).toBe(SAID);
  });

  it('of ssh never asks a question, and has a terminal when a person wants one', () => {
    process.env['TCPLAB_SSH'] = 'echo';
    expect(said(parsePlace('ssh:user@a').command(['ss', '-tan']))).toBe(
      '-T -o BatchMode=yes user@a ss -tan\n',
    );
    expect(said(parsePlace('ssh:user@a').command(['bash'], true))).toMatch(/^-tt /);
  });

  it.each([
    'ssh:',
    'ssh:-oProxyCommand=x',
    'ssh:a b',
    'exec: ',
    'pid:x',
    'pid:',
    'netns:../x',
    'local:a',
    'foo',
    '',
  ])('is not %j', (name) => {
    expect(() => parsePlace(name)).toThrow(/^unknown host '.*': expected ssh:user@host, exec:COMMAND/s);
  });

  it('that does not exist is named', () => {
    expect(() => parsePlace('pid:999999999')).toThrow('process 999999999 does not exist');
    expect(() => parsePlace('netns:no-such')).toThrow("network namespace 'no-such' does not exist");
  });

  it('is told from the command of a program', () => {
    for (const place of ['local', 'ssh:a', 'exec:x', 'pid:1', 'netns:x']) expect(isPlace(place)).toBe(true);
    for (const command of ['node server.js', './local', 'ssh a', 'curl http://x', 'localhost']) {
      expect(isPlace(command)).toBe(false);
    }
  });
});
