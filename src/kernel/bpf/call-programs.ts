import { PROTOCOL } from '../../tcp/headers.ts';
import { AF_INET, AF_INET6 } from '../socket-address.ts';
import { STACK } from './assembler.ts';
import { BASE, FREE, type Program, SOCK_STREAM } from './program.ts';
import { CALL_ARGUMENTS, POINTED_BYTES, RECORD, RECORD_BYTES } from './record.ts';
import { CALLS, type CallName, registers } from './registers.ts';
import { HELPER } from './writer.ts';

const S_IFMT = 0o170000;
const S_IFSOCK = 0o140000;

/** What is known by its thread of a call that has begun and not returned. */
export const CALLING_BYTES = 32;
const CALLING = FREE - CALLING_BYTES;
/** Its index in CALLS, the kernel's number, the descriptor, and the kernel's address of the socket. */
const [CALL, NUMBER, DESCRIPTOR, SOCKET] = [CALLING, CALLING + 8, CALLING + 16, CALLING + 24];
const THREAD = CALLING - 8;

/** `first`: the call, by its index in CALLS; `second`: the descriptor. `rest`: the arguments, and what one points to. */
export function callBegins(program: Program): void {
  const { asm, btf } = program;
  const { numbers, args } = registers();
  program.argument(8, 1);
  asm.store(8, STACK, NUMBER, 8);
  for (const [index, call] of CALLS.entries()) asm.jumpIf(8, '==', numbers[call], `call ${index}`);
  asm.jump('out');
  for (const index of CALLS.keys()) {
    asm.label(`call ${index}`).storeValue(8, STACK, CALL, index).jump('is call');
  }
  asm.label('is call');
  program.currentTask(9);
  program.findNamespaceOfProcess();
  program.leaveUnlessWatched();
  leaveIfCompat(program);
  forgetCall(program);
  program.begin(RECORD_BYTES.call);
  leaveIfOurselves(program);
  asm.load(8, 1, STACK, CALL).store(8, STACK, BASE + RECORD.first, 1);
  program.argument(8, 0);
  for (const [index, [member, element]] of args.entries()) {
    const offset = btf.offset('pt_regs', member) + element * 8;
    program.read(8, 8, offset, BASE + RECORD.rest + index * 8);
  }
  asm.load(4, 1, STACK, BASE + RECORD.rest).store(8, STACK, DESCRIPTOR, 1);
  asm.store(8, STACK, BASE + RECORD.second, 1);
  findSocket(program, 'out');
  asm.store(8, STACK, SOCKET, 7);
  program.socket();
  pointedTo(program);
  program.stack(2, THREAD);
  program.stack(3, CALLING);
  asm.map(1, program.maps.calling).set(4, 0).call(HELPER.update);
  program.send(RECORD_BYTES.call);
}

/**
 * `first`: the call; `second`: what it returned, a negative errno when it failed. The socket is that of the call, or the one
 * that an accept made; none after close().
 */
export function callReturns(program: Program): void {
  const { asm } = program;
  keyOfThread(program);
  program.stack(2, THREAD);
  asm.map(1, program.maps.calling).call(HELPER.lookUp).jumpIf(0, '==', 0, 'out');
  for (let offset = 0; offset < CALLING_BYTES; offset += 8)
    asm.load(8, 1, 0, offset).store(8, STACK, CALLING + offset, 1);
  leaveIfAnother(program);
  forgetCall(program);
  program.currentTask(9);
  program.findNamespaceOfProcess();
  program.leaveUnlessWatched();
  program.begin(RECORD_BYTES.bare);
  asm.load(8, 1, STACK, CALL).store(8, STACK, BASE + RECORD.first, 1);
  program.argument(8, 1);
  asm.store(8, STACK, BASE + RECORD.second, 8);
  asm.load(8, 1, STACK, SOCKET).store(8, STACK, BASE + RECORD.socket, 1);
  asm.load(8, 1, STACK, CALL);
  for (const call of ['accept', 'accept4'] as const) asm.jumpIf(1, '==', CALLS.indexOf(call), 'accepts');
  // It is closed by now, or another thread has closed it: its memory may be another's.
  findSocket(program, 'filled');
  asm.load(8, 1, STACK, SOCKET).jumpIfBoth(7, '!=', 1, 'filled').jump('has socket');
  asm
    .label('accepts')
    .load(8, 1, STACK, BASE + RECORD.second)
    .compute(1, '>>=', 63);
  asm.jumpIf(1, '!=', 0, 'filled');
  asm.load(4, 1, STACK, BASE + RECORD.second).store(8, STACK, DESCRIPTOR, 1);
  findSocket(program, 'filled');
  asm.label('has socket');
  program.socket();
  asm.label('filled');
  program.send(RECORD_BYTES.bare);
}

/** The last thread of a process: what it leaves open, the kernel closes next. `second`: its status, as wait(2) gives it. */
export function processExits(program: Program): void {
  const { asm, btf } = program;
  program.currentTask(9);
  program.findNamespaceOfProcess();
  program.leaveUnlessWatched();
  program.pointer(8, 9, btf.offset('task_struct', 'signal'));
  program.value(4, 1, 8, btf.offset('signal_struct', 'live', 'counter'));
  asm.jumpIf(1, '!=', 0, 'out');
  program.begin(RECORD_BYTES.bare);
  leaveIfOurselves(program);
  program.read(4, 9, btf.offset('task_struct', 'exit_code'), BASE + RECORD.second);
  program.send(RECORD_BYTES.bare);
}

/** A 32-bit process numbers its calls in another way. */
function leaveIfCompat(program: Program): void {
  const { path, bits } = registers().compat;
  const offset = program.btf.offsetIfThere('task_struct', ...path);
  if (offset === undefined) return;
  program.value(4, 1, 9, offset);
  program.asm.jumpIf(1, '&', bits, 'out');
}

function leaveIfOurselves(program: Program): void {
  program.asm.load(4, 1, STACK, BASE + RECORD.pid).jumpIf(1, '==', process.pid, 'out');
}

/** The return of the call that is known may not have been seen, because these programs were not attached. */
function leaveIfAnother(program: Program): void {
  program.argument(8, 0);
  program.value(4, 8, 8, program.btf.offset('pt_regs', registers().number));
  program.asm.load(8, 1, STACK, NUMBER).jumpIfBoth(8, '!=', 1, 'out');
}

function keyOfThread({ asm }: Program): void {
  asm.call(HELPER.threadIds).store(8, STACK, THREAD, 0);
}

function forgetCall(program: Program): void {
  keyOfThread(program);
  program.stack(2, THREAD);
  program.asm.map(1, program.maps.calling).call(HELPER.delete);
}

/** r7 becomes the TCP socket of the descriptor of r9, if it has one in its own namespace (fs/file.c, files_lookup_fd_raw). */
function findSocket(program: Program, otherwise: string): void {
  const { asm, btf } = program;
  const isTcp = program.newLabel();
  program.pointer(7, 9, btf.offset('task_struct', 'files'));
  program.pointer(7, 7, btf.offset('files_struct', 'fdt'));
  program.value(4, 8, 7, btf.offset('fdtable', 'max_fds'));
  asm.load(4, 1, STACK, DESCRIPTOR).jumpIfBoth(1, '>=', 8, otherwise);
  program.pointer(7, 7, btf.offset('fdtable', 'fd'));
  asm.load(4, 1, STACK, DESCRIPTOR).compute(1, '<<=', 3).add(7, 1);
  program.pointer(7, 7, 0);
  program.pointer(8, 7, btf.offset('file', 'f_inode'));
  program.value(2, 1, 8, btf.offset('inode', 'i_mode'));
  asm.compute(1, '&=', S_IFMT).jumpIf(1, '!=', S_IFSOCK, otherwise);
  program.pointer(7, 7, btf.offset('file', 'private_data'));
  program.pointer(7, 7, btf.offset('socket', 'sk'));
  program.value(2, 1, 7, btf.offset('sock', 'sk_type'));
  asm.jumpIf(1, '!=', SOCK_STREAM, otherwise);
  program.value(2, 1, 7, btf.offset('sock', 'sk_protocol'));
  asm.jumpIf(1, '!=', PROTOCOL.tcp, otherwise);
  program.value(2, 1, 7, program.sock('skc_family'));
  asm.jumpIf(1, '==', AF_INET, isTcp).jumpIf(1, '==', AF_INET6, isTcp).jump(otherwise).label(isTcp);
  program.unlessInNamespace(otherwise);
}

/** The address of connect() and the value of setsockopt(), as far as there is room. */
function pointedTo(program: Program): void {
  const { asm } = program;
  const copy = (call: CallName, pointer: number, length: number) => {
    const [next, clipped, whole] = [program.newLabel(), program.newLabel(), program.newLabel()];
    asm.load(8, 1, STACK, CALL).jumpIf(1, '!=', CALLS.indexOf(call), next);
    asm.load(4, 2, STACK, BASE + RECORD.rest + length * 8);
    asm.jumpIf(2, '>', POINTED_BYTES, clipped).jump(whole).label(clipped).set(2, POINTED_BYTES).label(whole);
    asm.load(8, 3, STACK, BASE + RECORD.rest + pointer * 8);
    program.stack(1, BASE + RECORD.rest + CALL_ARGUMENTS * 8);
    asm.call(HELPER.readUser).label(next);
  };
  copy('connect', 1, 2);
  copy('setsockopt', 3, 4);
}
