import { fileURLToPath } from 'node:url';
import { DIST } from '../dist.ts';
import { currentPrivilege, enterUserNamespace } from '../kernel/privileges.ts';

/**
 * Makes sure that this process may make network namespaces: as root, or started again in a user namespace of its
 * own, in which case this does not come back.
 */
export function ensurePrivilege(): 'root' | 'user-namespace' {
  const privilege = currentPrivilege();
  if (privilege !== 'none') return privilege;
  return enterUserNamespace(fileURLToPath(new URL('cli/main.js', DIST)), process.argv.slice(2));
}
