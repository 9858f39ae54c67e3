import koffi from 'koffi';

// Documentation/networking/filter.rst; include/uapi/linux/filter.h

/** An instruction of classic BPF (struct sock_filter, 8 bytes, aligned to 4): what it does, where to go on if true and if not, its operand. */
export type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

export const LOAD_WORD = 0x20;
export const LOAD_BYTE = 0x30;
export const AND = 0x54;
export const JUMP_IF_EQUAL = 0x15;
export const RETURN = 0x06;

/** Hands the kernel a program: a struct sock_fprog, which is good while `use` runs. */
export function withFilter(filter: readonly Instruction[], use: (program: Buffer) => void): void {
  const instructions = Buffer.alloc(8 * filter.length);
  for (const [index, [code, ifTrue, ifFalse, operand]] of filter.entries()) {
    instructions.writeUInt16LE(code, 8 * index);
    instructions.writeUInt8(ifTrue, 8 * index + 2);
    instructions.writeUInt8(ifFalse, 8 * index + 3);
    instructions.writeUInt32LE(operand, 8 * index + 4);
  }
  // struct sock_fprog (16 bytes, aligned to 8): the count, and where the instructions are.
  const program = Buffer.alloc(16);
  program.writeUInt16LE(filter.length, 0);
  program.writeBigUInt64LE(BigInt(koffi.address(instructions)), 8);
  use(program);
}
