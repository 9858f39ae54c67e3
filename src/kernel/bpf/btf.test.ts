import { spawnSync } from 'node:child_process';
import { describe, expect, it, vi } from 'vitest';
import { IS_ROOT } from '../../../test/cli.ts';
import { Btf } from './btf.ts';
import { programFor } from './programs.ts';
import { EVENT_NAMES } from './record.ts';

const NO_MAPS = { ring: 0, namespaces: 0, calling: 0, lost: 0 };

describe('the types of the running kernel', () => {
  it('have their members where bpftool finds them', (context) => {
    const types = typesOfBpftool();
    if (!types) return context.skip('bpftool is not on this machine');
    const asked = vi.spyOn(Btf.prototype, 'offsetIfThere');
    const surroundings = { btf: Btf.running(), maps: NO_MAPS, numbering: { level: 0, inode: 1 } };
    for (const event of EVENT_NAMES) programFor(event, surroundings);
    // A bit field.
    surroundings.btf.offset('sock', '__sk_common', 'skc_reuse');
    const offsets = asked.mock.calls.map((path, index) => [path.join('.'), asked.mock.results[index]?.value]);
    vi.restoreAllMocks();
    expect(new Set(offsets.map(([path]) => path)).size).toBeGreaterThan(30);
    expect(offsets).toEqual(offsets.map(([path]) => [path, types.offset(path.split('.'))]));
  });

  it('give the names of drop reasons that tracefs prints', (context) => {
    if (!IS_ROOT) context.skip('needs root: tracefs');
    const script = 'mount -t tracefs tracefs /mnt && cat /mnt/events/skb/kfree_skb/format';
    const { stdout } = spawnSync('unshare', ['--mount', 'sh', '-c', script], { encoding: 'utf8' });
    const printed = [...stdout.matchAll(/\{ (\d+), "(\w+)" \}/g)];
    expect(printed.length).toBeGreaterThan(10);
    const names = Btf.running().enumerators('skb_drop_reason');
    for (const [, number, name] of printed) {
      expect(names.get(Number(number))).toMatch(new RegExp(`^SKB_(DROP_REASON_)?${name}$`));
    }
  });

  it('say how many arguments a tracepoint has, and whether there is one', () => {
    const btf = Btf.running();
    expect(btf.argumentCount('inet_sock_set_state')).toBe(3);
    expect(btf.argumentCount('tcp_destroy_sock')).toBe(1);
    expect(btf.argumentCount('sys_enter')).toBe(2);
    expect(btf.argumentCount('no_such_tracepoint')).toBeUndefined();
    expect(btf.hasTracepoint('no_such_tracepoint')).toBe(false);
  });

  it('lack what no kernel has, and name it', () => {
    const btf = Btf.running();
    expect(btf.offsetIfThere('sock', '__sk_common', 'no_such_member')).toBeUndefined();
    expect(btf.offsetIfThere('no_such_struct', 'member')).toBeUndefined();
    expect(btf.enumerators('no_such_enumeration')).toEqual(new Map());
    expect(() => btf.offset('sock', 'no_such_member')).toThrow(
      "this kernel's struct sock has no member no_such_member",
    );
  });
});

interface Type {
  kind: string;
  name: string;
  target: number;
  members: { name: string; type: number; bits: number }[];
}

/** The same by what `bpftool btf dump` prints: its types by their numbers, with an indented line for each member. */
function typesOfBpftool(): { offset(path: string[]): number | undefined } | undefined {
  const { status, stdout } = spawnSync('bpftool', ['btf', 'dump', 'file', '/sys/kernel/btf/vmlinux'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) return undefined;
  const types = new Map<number, Type>();
  const byName = new Map<string, Type>();
  let last: Type | undefined;
  for (const line of stdout.split('\n')) {
    const [, number, kind = '', name = ''] = /^\[(\d+)\] (\w+) '([^']*)'/.exec(line) ?? [];
    if (number !== undefined) {
      last = { kind, name, target: Number(/ type_id=(\d+)/.exec(line)?.[1]), members: [] };
      types.set(Number(number), last);
      if (kind === 'STRUCT' && !byName.has(name)) byName.set(name, last);
      continue;
    }
    const member = /^\t'([^']*)' type_id=(\d+) bits_offset=(\d+)/.exec(line);
    if (member)
      last?.members.push({ name: member[1] ?? '', type: Number(member[2]), bits: Number(member[3]) });
  }
  const resolved = (number: number): Type | undefined => {
    const type = types.get(number);
    const isNamed = ['TYPEDEF', 'CONST', 'VOLATILE', 'TYPE_TAG', 'RESTRICT'].includes(type?.kind ?? '');
    return type && isNamed ? resolved(type.target) : type;
  };
  const find = (type: Type | undefined, name: string): { bits: number; type: number } | undefined => {
    for (const member of type?.members ?? []) {
      if (member.name === name) return member;
      const inner = member.name === '(anon)' ? find(resolved(member.type), name) : undefined;
      if (inner) return { bits: member.bits + inner.bits, type: inner.type };
    }
    return undefined;
  };
  return {
    offset: ([struct = '', ...path]) => {
      let [type, bits] = [byName.get(struct), 0];
      for (const name of path) {
        const member = find(type, name);
        if (!member) return undefined;
        bits += member.bits;
        type = resolved(member.type);
      }
      return bits / 8;
    },
  };
}
