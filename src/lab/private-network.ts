import { moveToNewNetwork } from '../kernel/namespace.ts';
import { currentPrivilege } from '../kernel/privileges.ts';
import { execute } from '../kernel/process.ts';
import { setLoopbackUp } from '../kernel/rtnetlink.ts';

/** Becomes a program, in a network that nobody else is in and that ends with it. An ordinary user's process is in one already. */
export function becomeInPrivateNetwork(program: string, args: string[]): never {
  if (currentPrivilege() === 'root') moveToNewNetwork();
  setLoopbackUp();
  execute(program, args, process.env);
}
