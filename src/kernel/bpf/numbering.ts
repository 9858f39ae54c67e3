import { statSync } from 'node:fs';
import { SystemError, TcplabError } from '../../error.ts';
import { libc } from '../libc.ts';
import type { Btf } from './btf.ts';
import { loadProgram, runProgram } from './syscall.ts';
import { Writer } from './writer.ts';

/** The PID namespace of this process: how deep it is below the machine's first, and its inode number. */
export interface Numbering {
  level: number;
  inode: number;
}

/** No file tells how deep it is, so a program that is run once looks at the process that has it run (Linux 5.10). */
export function ownNumbering(btf: Btf): Numbering {
  const writer = new Writer(btf);
  writer.currentTask(7);
  writer.pointer(7, 7, btf.offset('task_struct', 'thread_pid'));
  writer.value(4, 0, 7, btf.offset('pid', 'level'));
  const program = loadProgram('numbering', writer.asm.exit().assemble());
  try {
    return { level: runProgram(program, []), inode: statSync('/proc/self/ns/pid').ino };
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new TcplabError('MACHINE', 'this kernel runs no BPF program when asked to (Linux 5.10)', {
      cause: error,
    });
  } finally {
    libc.close(program);
  }
}
