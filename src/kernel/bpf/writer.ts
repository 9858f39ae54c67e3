import { Assembler, type Register, type Size, STACK } from './assembler.ts';
import type { Btf } from './btf.ts';

/** The kernel's functions that the programs call (include/uapi/linux/bpf.h, enum bpf_func_id). */
export const HELPER = {
  lookUp: 1,
  update: 2,
  delete: 3,
  monotonicTime: 5,
  threadIds: 14,
  comm: 16,
  currentTask: 35,
  readUser: 112,
  readKernel: 113,
  writeToRing: 130,
} as const;

/** The first eight bytes of the stack: the value that was read last. */
const WORD = -8;
/** Below that, the stack is free. */
export const FREE_STACK: number = WORD;

/** Writes instructions that read the running kernel's structures. Each reading overwrites r0 to r5. */
export class Writer {
  readonly asm: Assembler = new Assembler();
  readonly btf: Btf;
  #labels = 0;

  constructor(btf: Btf) {
    this.btf = btf;
  }

  newLabel(): string {
    return `label ${++this.#labels}`;
  }

  /** A register becomes an address on the stack. */
  stack(to: Register, offset: number): void {
    this.asm.copy(to, STACK).compute(to, '+=', offset);
  }

  /** Copies kernel memory to the stack; zeros where there is none. */
  read(size: number, from: Register, offset: number, to: number): void {
    this.asm.copy(3, from).compute(3, '+=', offset);
    this.stack(1, to);
    this.asm.set(2, size).call(HELPER.readKernel);
  }

  value(size: Size, to: Register, from: Register, offset: number): void {
    this.read(size, from, offset, WORD);
    this.asm.load(size, to, STACK, WORD);
  }

  pointer(to: Register, from: Register, offset: number): void {
    this.value(8, to, from, offset);
  }

  currentTask(to: Register): void {
    this.asm.call(HELPER.currentTask).copy(to, 0);
  }
}
