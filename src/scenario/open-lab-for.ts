import { TcplabError } from '../error.ts';
import { openBoxPair } from '../lab/box-pair.ts';
import { Lab, type LabOptions } from '../lab/lab.ts';
import type { Scenario } from './scenario.ts';

/** Opens a lab with what the scenario needs between its hosts. */
export async function openLabFor({ id, box }: Scenario, options: LabOptions): Promise<Lab> {
  if (!box) return Lab.open(options);
  if (options.hosts) {
    throw new TcplabError('USAGE', `${id} needs a host between the client and the server`, {
      hint: 'run it without --client HOST, --server HOST and --pairs: in its own namespaces, tcplab has one',
    });
  }
  return Lab.open({ ...options, hosts: openBoxPair(box) });
}
