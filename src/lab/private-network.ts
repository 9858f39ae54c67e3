import { moveToNewNetwork } from '../kernel/namespace.ts';
import { execute } from '../kernel/process.ts';
import { setLoopbackUp } from '../kernel/rtnetlink.ts';

/** Becomes a program, in a network that nobody else is in and that ends with it. */
export function becomeInPrivateNetwork(program: string, args: string[]): never {
  moveToNewNetwork();
  setLoopbackUp();
  execute(program, args, process.env);
}
