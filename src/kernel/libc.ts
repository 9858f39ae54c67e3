import koffi, { type LibraryHandle } from 'koffi';
import { SystemError } from '../error.ts';
import { systemError } from './system-error.ts';

/** Loads a shared library and declares functions of it; undefined when this machine does not have it. */
export function loadLibrary(...names: string[]): LibraryHandle | undefined {
  for (const name of names) {
    try {
      return koffi.load(name);
    } catch {
      // Not under this name.
    }
  }
  return undefined;
}

function loadLibc(): LibraryHandle {
  const library = loadLibrary('libc.so.6', `libc.musl-${process.arch === 'x64' ? 'x86_64' : 'aarch64'}.so.1`);
  if (!library) throw new SystemError('dlopen', 'ENOENT', { detail: 'libc', code: 'MACHINE' });
  return library;
}

const lib = loadLibc();

/**
 * struct ifreq with a pointer in its union (netdevice(7)). Anonymous, because koffi has one namespace of types per process,
 * and jest loads this file again for each test file.
 */
const ifreqData = koffi.struct({
  name: koffi.array('char', 16),
  data: 'void *',
  rest: koffi.array('uint8_t', 16),
});

/** The C library's functions that tcplab calls: each gives −1 and sets errno when it fails (section 2 of the manual). */
interface Libc {
  unshare(flags: number): number;
  setns(fd: number, type: number): number;
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, address: null, length: null, flags: number): number;
  shutdown(fd: number, how: number): number;
  close(fd: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  getpeername(fd: number, address: Uint8Array, length: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array): number;
  send(fd: number, data: Uint8Array, length: number, flags: number): number;
  sendto(
    fd: number,
    data: Uint8Array,
    length: number,
    flags: number,
    address: Uint8Array,
    addressLength: number,
  ): number;
  recv(fd: number, data: Uint8Array, length: number, flags: number): number;
  recvmmsg(fd: number, messages: bigint, count: number, flags: number, timeout: null): number;
  socketpair(domain: number, type: number, protocol: number, fds: Int32Array): number;
  sendmsg(fd: number, message: bigint, flags: number): number;
  pipe2(fds: Int32Array, flags: number): number;
  readlinkat(folder: number, name: Buffer, target: Buffer, size: number): number | bigint;
  read(fd: number, data: Uint8Array, length: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  ethtool(
    fd: number,
    request: number,
    argument: { name: string; data: Uint8Array; rest: Uint8Array },
  ): number;
  mmap(address: null, length: number, protection: number, flags: number, fd: number, offset: number): bigint;
  munmap(address: bigint, length: number): number;
  fsopen(number: number, name: string, flags: number): number;
  fsconfig(number: number, fd: number, command: number, key: null, value: null, aux: number): number;
  fsmount(number: number, fd: number, flags: number, attributes: number): number;
  bpf(number: number, command: number, attributes: Uint8Array, size: number): number;
  seccomp(number: number, operation: number, flags: number, program: Uint8Array): number;
  pidfdOpen(number: number, pid: number, flags: number): number;
  pidfdGetfd(number: number, process: number, fd: number, flags: number): number;
  sysconf(name: number): number;
  clock_gettime(clock: number, time: Uint8Array): number;
  getrlimit(resource: number, limit: Uint8Array): number;
  setrlimit(resource: number, limit: Uint8Array): number;
  prctl(option: number, ...args: [number, number, number, number]): number;
  waitpid(pid: number, status: null, options: number): number;
  execve(path: string, args: (string | null)[], environment: (string | null)[]): number;
  memfd_create(name: string, flags: number): number;
}

export const libc: Libc = {
  unshare: lib.func('int unshare(int flags)'),
  setns: lib.func('int setns(int fd, int type)'),
  socket: lib.func('int socket(int domain, int type, int protocol)'),
  bind: lib.func('int bind(int fd, const uint8_t *address, uint32_t length)'),
  connect: lib.func('int connect(int fd, const uint8_t *address, uint32_t length)'),
  listen: lib.func('int listen(int fd, int backlog)'),
  accept4: lib.func('int accept4(int fd, void *address, void *length, int flags)'),
  shutdown: lib.func('int shutdown(int fd, int how)'),
  close: lib.func('int close(int fd)'),
  getsockname: lib.func('int getsockname(int fd, uint8_t *address, uint32_t *length)'),
  getpeername: lib.func('int getpeername(int fd, uint8_t *address, uint32_t *length)'),
  setsockopt: lib.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)'),
  getsockopt: lib.func('int getsockopt(int fd, int level, int name, uint8_t *value, uint32_t *length)'),
  send: lib.func('long send(int fd, const uint8_t *data, size_t length, int flags)'),
  sendto: lib.func(
    'long sendto(int fd, const uint8_t *data, size_t length, int flags, const uint8_t *address, uint32_t addressLength)',
  ),
  recv: lib.func('long recv(int fd, uint8_t *data, size_t length, int flags)'),
  recvmmsg: lib.func('int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout)'),
  socketpair: lib.func('int socketpair(int domain, int type, int protocol, int *fds)'),
  sendmsg: lib.func('long sendmsg(int fd, void *message, int flags)'),
  pipe2: lib.func('int pipe2(int *fds, int flags)'),
  readlinkat: lib.func('long readlinkat(int folder, const uint8_t *name, uint8_t *target, size_t size)'),
  read: lib.func('long read(int fd, uint8_t *data, size_t length)'),
  fcntl: lib.func('int fcntl(int fd, int command, long argument)'),
  ioctl: lib.func('int ioctl(int fd, unsigned long request, void *argument)'),
  ethtool: lib.func('ioctl', 'int', ['int', 'unsigned long', koffi.pointer(ifreqData)]),
  mmap: lib.func('void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset)'),
  munmap: lib.func('int munmap(void *address, size_t length)'),
  // The mount calls have the same numbers on every architecture (Linux 5.2), and older C libraries do not wrap them.
  fsopen: lib.func('long syscall(long number, const char *name, unsigned int flags)'),
  fsconfig: lib.func(
    'long syscall(long number, int fd, unsigned int command, const char *key, const void *value, int aux)',
  ),
  fsmount: lib.func('long syscall(long number, int fd, unsigned int flags, unsigned int attributes)'),
  // Has no wrapper in any C library.
  bpf: lib.func('long syscall(long number, int command, uint8_t *attributes, unsigned int size)'),
  seccomp: lib.func(
    'long syscall(long number, unsigned int operation, unsigned int flags, uint8_t *program)',
  ),
  pidfdOpen: lib.func('long syscall(long number, int pid, unsigned int flags)'),
  pidfdGetfd: lib.func('long syscall(long number, int process, int fd, unsigned int flags)'),
  sysconf: lib.func('long sysconf(int name)'),
  clock_gettime: lib.func('int clock_gettime(int clock, uint8_t *time)'),
  getrlimit: lib.func('int getrlimit(int resource, uint8_t *limit)'),
  setrlimit: lib.func('int setrlimit(int resource, const uint8_t *limit)'),
  prctl: lib.func(
    'int prctl(int option, unsigned long two, unsigned long three, unsigned long four, unsigned long five)',
  ),
  waitpid: lib.func('int waitpid(int pid, void *status, int options)'),
  execve: lib.func('int execve(const char *path, const char **arguments, const char **environment)'),
  memfd_create: lib.func('int memfd_create(const char *name, unsigned int flags)'),
};

/** Of memory, in bytes. */
export function pageSize(): number {
  const _SC_PAGESIZE = 30;
  return Number(libc.sysconf(_SC_PAGESIZE));
}

/**
 * recv(2) in a thread of the pool; calls `done` with the result. It needs mapped memory, because koffi does not keep a Buffer
 * from being garbage-collected during the call.
 */
export function recvLater(
  fd: number,
  memory: { address: bigint; length: number },
  flags: number,
  done: (received: number) => void,
): void {
  const { address, length } = memory;
  receiving.async(fd, address, length, flags, (_: unknown, received: number) => done(Number(received)));
}

const receiving = lib.func('long recv(int fd, void *data, size_t length, int flags)');

// Where two names share a number (EAGAIN, EWOULDBLOCK) the first is the usual one.
const ERRNO_NAMES = new Map(
  Object.entries(koffi.os.errno)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** The symbolic name of errno as the last call left it. */
export function lastErrno(): string {
  return errnoName(koffi.errno());
}

export function errnoName(number: number): string {
  return ERRNO_NAMES.get(number) ?? `errno ${number}`;
}

/** Returns the result of a call, or throws a SystemError for errno. */
export function check(result: number, syscall: string, detail?: string): number {
  if (result >= 0) return result;
  throw systemError(syscall, lastErrno(), detail);
}
