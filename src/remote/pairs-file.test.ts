import { describe, expect, it } from 'vitest';
import { TcplabError } from '../error.ts';
import { parsePairs } from './pairs-file.ts';

describe('a list of pairs', () => {
  it('names the places, and each pair', () => {
    const text =
      '# two\n- client: ssh:a\n  server: ssh:b\n- { name: mine, client: local, server: "exec:docker exec -i web" }\n';
    expect(parsePairs(text, 'p.yaml')).toEqual([
      { name: 'ssh:a → ssh:b', client: 'ssh:a', server: 'ssh:b' },
      { name: 'mine', client: 'local', server: 'exec:docker exec -i web' },
    ]);
  });

  it.each([
    ['', '1:1: expected a list of pairs'],
    ['[]', '1:1: the list of pairs is empty'],
    ['client: ssh:a', '1:1: expected a list of pairs'],
    ['- ssh:a', '1:3: expected a pair, with `client` and `server`'],
    ['- client: ssh:a', "1:3: this pair lacks 'server'"],
    ['- client: ssh:a\n  sever: ssh:b', "2:3: unknown field 'sever': expected name, client, server"],
    ['- client: ssh:a\n  server: 12', "2:11: 'server' must be text"],
    ['- client: ssh:a\n  server:', "2:10: 'server' must be text"],
    [
      '- client: ssh:a\n  server: b',
      "2:11: unknown host 'b': expected ssh:user@host, exec:COMMAND, pid:NUMBER, netns:NAME or local",
    ],
    ['- client: ssh:a\n  server: pid:999999999', '2:11: process 999999999 does not exist'],
    [
      '- &x {client: ssh:a, server: ssh:b}\n- {client: ssh:a, server: ssh:b}',
      "2:3: another pair has the name 'ssh:a → ssh:b'",
    ],
    ['- client: [ssh:a', '1:17: invalid YAML: '],
    ['- client: ssh:a\n  client: ssh:b\n  server: ssh:c', '2:3: invalid YAML: Map keys must be unique'],
  ])('%j is refused, with the line', (text, says) => {
    const refuse = () => parsePairs(text, 'p.yaml');
    expect(refuse).toThrow(TcplabError);
    expect(refuse).toThrow(`p.yaml:${says}`);
  });
});
