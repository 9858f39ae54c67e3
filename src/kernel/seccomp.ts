import { JUMP_IF_EQUAL, LOAD_WORD, RETURN, withFilter } from './filter-program.ts';
import { check, libc } from './libc.ts';

// seccomp(2), include/uapi/linux/seccomp.h
const [SYS_SECCOMP, SYS_SETGROUPS] = process.arch === 'x64' ? [317, 116] : [277, 159];
const SECCOMP_SET_MODE_FILTER = 1;
const [ALLOW, RESULT] = [0x7fff0000, 0x00050000];
const PR_SET_NO_NEW_PRIVS = 38;

/**
 * From now on setgroups(2) does nothing and succeeds, in this process and all that come of it. The user namespace of an ordinary
 * user refuses it (user_namespaces(7)), and a program that gives up root for good, such as tcpdump(8), ends then: but it has
 * only one group, which it keeps. Programs that are set-user-ID do not get their user any more.
 */
export function ignoreSetgroups(): void {
  check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 'prctl', 'PR_SET_NO_NEW_PRIVS');
  // struct seccomp_data begins with the number of the system call.
  const filter = [
    [LOAD_WORD, 0, 0, 0],
    [JUMP_IF_EQUAL, 0, 1, SYS_SETGROUPS],
    [RETURN, 0, 0, RESULT],
    [RETURN, 0, 0, ALLOW],
  ] as const;
  withFilter(filter, (program) => {
    check(Number(libc.seccomp(SYS_SECCOMP, SECCOMP_SET_MODE_FILTER, 0, program)), 'seccomp', 'setgroups');
  });
}
