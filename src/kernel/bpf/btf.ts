import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { TcplabError } from '../../error.ts';
import { openFile, withSystemErrors } from '../files.ts';
import { mapDescriptor } from '../mapping.ts';

// Documentation/bpf/btf.rst; include/uapi/linux/btf.h
const MAGIC = 0xeb9f;
/** Words that every type begins with: its name, its kind, its size or what it is about. */
const TYPE = 3;
const [INT, ARRAY, STRUCT, UNION, ENUM, TYPEDEF, VOLATILE, CONST] = [1, 3, 4, 5, 6, 8, 9, 10] as const;
const [RESTRICT, FUNC_PROTO, VAR, DATASEC, DECL_TAG, TYPE_TAG, ENUM64] = [11, 13, 14, 15, 17, 18, 19];
const QUALIFIERS: ReadonlySet<number> = new Set([TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG]);

type Named = typeof STRUCT | typeof ENUM | typeof TYPEDEF;

/** The layout of the running kernel's structures, from its BTF, because it differs from kernel to kernel. */
export class Btf {
  static #running: Btf | undefined;

  readonly #bytes: Buffer;
  /** The same in 32-bit words, in the order of bytes of x86-64 and arm64: all that describes types is made of them. */
  readonly #words: Uint32Array;
  /** Where the names begin, in bytes. */
  readonly #strings: number;
  /** Which word each type's description begins with, by the type's number. Number 0 is void. */
  readonly #at: Uint32Array;
  /** The numbers of the types that have a name to find them by, by their kind. */
  readonly #named: Record<Named, number[]> = { [STRUCT]: [], [ENUM]: [], [TYPEDEF]: [] };
  readonly #found = new Map<string, number>();

  private constructor(bytes: Buffer) {
    this.#bytes = bytes;
    if (bytes.length < 24 || bytes.readUInt16LE(0) !== MAGIC)
      throw new TcplabError('MACHINE', `${FILE} is not in the format that tcplab knows`);
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
    const header = words[1] as number;
    const types = header + (words[2] as number);
    const end = (types + (words[3] as number)) / 4;
    this.#words = words;
    this.#strings = header + (words[4] as number);
    this.#at = new Uint32Array(Math.floor(end - types / 4) / TYPE + 1);
    let type = 1;
    for (let at = types / 4; at < end; type++) {
      this.#at[type] = at;
      const info = words[at + 1] as number;
      const kind = (info >>> 24) & 0x1f;
      // A kind newer than this file has an unknown length.
      if (kind > ENUM64)
        throw new TcplabError('MACHINE', `${FILE} has a kind of type that is unknown: ${kind}`);
      if (kind === STRUCT || kind === ENUM || kind === TYPEDEF) this.#named[kind].push(type);
      at += TYPE + (EXTRA_WORDS[kind] as number) + (WORDS_A_MEMBER[kind] as number) * (info & 0xffff);
    }
  }

  /** Of the kernel that runs here. Throws a TcplabError with code MACHINE where it has none (CONFIG_DEBUG_INFO_BTF). */
  static running(): Btf {
    Btf.#running ??= new Btf(readWhole(FILE));
    return Btf.#running;
  }

  /**
   * The offset of a member, in bytes, by its path: `offset('sock', '__sk_common', 'skc_family')`. Members of anonymous
   * structures and unions count as members of what they are in, as in C. Throws where there is no such member.
   */
  offset(struct: string, ...path: string[]): number {
    const offset = this.offsetIfThere(struct, ...path);
    if (offset === undefined)
      throw new TcplabError('MACHINE', `this kernel's struct ${struct} has no member ${path.join('.')}`);
    return offset;
  }

  offsetIfThere(struct: string, ...path: string[]): number | undefined {
    let type = this.#find(STRUCT, struct);
    let offset = 0;
    for (const name of path) {
      const member = type && this.#member(type, Buffer.from(`${name}\0`));
      if (!member) return undefined;
      offset += member.offset;
      type = member.type;
    }
    return offset;
  }

  hasTracepoint(name: string): boolean {
    return this.argumentCount(name) !== undefined;
  }

  /** How many arguments a raw tracepoint passes; undefined where the kernel has no such tracepoint. */
  argumentCount(tracepoint: string): number | undefined {
    const typedef = this.#find(TYPEDEF, `btf_trace_${tracepoint}`);
    if (!typedef) return undefined;
    const prototype = this.#target(this.#target(typedef));
    // The first is the tracepoint's own data.
    return this.#kind(prototype) === FUNC_PROTO ? this.#length(prototype) - 1 : undefined;
  }

  /** The names of an enumeration by their values. Empty where the kernel has no such enumeration. */
  enumerators(name: string): Map<number, string> {
    const type = this.#find(ENUM, name);
    if (!type) return new Map();
    const at = this.#address(type) + TYPE;
    return new Map(
      Array.from({ length: this.#length(type) }, (_, index) => [
        this.#word(at + index * 2 + 1),
        this.#string(this.#word(at + index * 2)),
      ]),
    );
  }

  /** `name` with its final zero, as it stands there: to make a string of each name that is passed by takes far longer. */
  #member(struct: number, name: Buffer): { offset: number; type: number } | undefined {
    const first = this.#address(struct) + TYPE;
    const hasBitFields = this.#word(this.#address(struct) + 1) >>> 31 === 1;
    for (let index = 0; index < this.#length(struct); index++) {
      const member = first + index * 3;
      const bits = this.#word(member + 2);
      const offset = (hasBitFields ? bits & 0xffffff : bits) / 8;
      const type = this.#unqualified(this.#word(member + 1));
      const at = this.#strings + this.#word(member);
      if (name.every((byte, place) => this.#bytes[at + place] === byte)) return { offset, type };
      if (this.#bytes[at] !== 0 || !isComposite(this.#kind(type))) continue;
      const inner = this.#member(type, name);
      if (inner) return { offset: offset + inner.offset, type: inner.type };
    }
    return undefined;
  }

  #unqualified(type: number): number {
    return QUALIFIERS.has(this.#kind(type)) ? this.#unqualified(this.#target(type)) : type;
  }

  #find(kind: Named, name: string): number {
    const key = `${kind} ${name}`;
    let found = this.#found.get(key);
    if (found !== undefined) return found;
    // Each name is there once.
    const text = this.#bytes.indexOf(Buffer.from(`\0${name}\0`), this.#strings) + 1 - this.#strings;
    found = (text > 0 && this.#named[kind].find((type) => this.#word(this.#address(type)) === text)) || 0;
    this.#found.set(key, found);
    return found;
  }

  #word(at: number): number {
    return this.#words[at] as number;
  }

  #address(type: number): number {
    return this.#at[type] ?? 0;
  }

  #kind(type: number): number {
    return type === 0 ? 0 : (this.#word(this.#address(type) + 1) >>> 24) & 0x1f;
  }

  #length(type: number): number {
    return this.#word(this.#address(type) + 1) & 0xffff;
  }

  /** The type that it points to or is an alias of. */
  #target(type: number): number {
    return type === 0 ? 0 : this.#word(this.#address(type) + 2);
  }

  #string(offset: number): string {
    const at = this.#strings + offset;
    return this.#bytes.toString('latin1', at, this.#bytes.indexOf(0, at));
  }
}

const FILE = '/sys/kernel/btf/vmlinux';

function isComposite(kind: number): boolean {
  return kind === STRUCT || kind === UNION;
}

/** How many words follow those that every type begins with, by its kind: so many, and so many for each member. */
const EXTRA_WORDS = new Uint8Array(32);
const WORDS_A_MEMBER = new Uint8Array(32);
for (const kind of [INT, VAR, DECL_TAG]) EXTRA_WORDS[kind] = 1;
EXTRA_WORDS[ARRAY] = 3;
for (const kind of [STRUCT, UNION, DATASEC, ENUM64]) WORDS_A_MEMBER[kind] = 3;
for (const kind of [ENUM, FUNC_PROTO]) WORDS_A_MEMBER[kind] = 2;

/** Mapped where the kernel allows it (6.16), because to read its five megabytes takes it 50 ms. */
function readWhole(path: string): Buffer {
  const fd = openFile(path);
  try {
    return mapDescriptor(fd, { length: fstatSync(fd).size, shared: false, what: path }).bytes;
  } catch {
    return withSystemErrors(path, () => readFileSync(fd));
  } finally {
    closeSync(fd);
  }
}
