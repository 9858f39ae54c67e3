import { TcplabError } from '../../error.ts';

/** The system calls by which a program uses a connection, in the order of their numbers in records. */
export const CALLS = ['connect', 'accept', 'accept4', 'shutdown', 'close', 'setsockopt', 'listen'] as const;
export type CallName = (typeof CALLS)[number];

export interface Registers {
  /** The number of each call (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h). */
  numbers: Readonly<Record<CallName, number>>;
  /** Members of struct pt_regs that hold the arguments, the first one first. */
  args: readonly (readonly [member: string, index: number])[];
  /** The member that holds the number of the call. */
  number: string;
  /** The member of struct task_struct, and its bits, that mark a call of a 32-bit process: these have other numbers. */
  compat: { path: readonly string[]; bits: number };
}

const ARCHITECTURES: Readonly<Record<string, Registers>> = {
  x64: {
    numbers: { connect: 42, accept: 43, accept4: 288, shutdown: 48, close: 3, setsockopt: 54, listen: 50 },
    args: [
      ['di', 0],
      ['si', 0],
      ['dx', 0],
      ['r10', 0],
      ['r8', 0],
    ],
    number: 'orig_ax',
    // arch/x86/include/asm/thread_info.h, TS_COMPAT
    compat: { path: ['thread_info', 'status'], bits: 2 },
  },
  arm64: {
    numbers: {
      connect: 203,
      accept: 202,
      accept4: 242,
      shutdown: 210,
      close: 57,
      setsockopt: 208,
      listen: 201,
    },
    args: [0, 1, 2, 3, 4].map((index) => ['regs', index] as const),
    number: 'syscallno',
    // arch/arm64/include/asm/thread_info.h, TIF_32BIT
    compat: { path: ['thread_info', 'flags'], bits: 1 << 22 },
  },
};

export function registers(): Registers {
  const found = ARCHITECTURES[process.arch];
  if (!found)
    throw new TcplabError('MACHINE', `no BPF programs for the processor architecture ${process.arch}`);
  return found;
}
