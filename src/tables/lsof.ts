import { parseEndpoint } from './endpoint.ts';
import { rowOf, type TableRow } from './row.ts';
import { stateWord, tokensOf } from './words.ts';

/** A row of `lsof -i` (or -iTCP), one for each descriptor. Undefined for any other text. */
export function lsofRow(text: string): TableRow | undefined {
  const tokens = tokensOf(text);
  const tcp = tokens.findIndex((token, index) => token === 'TCP' && index >= 4);
  if (tcp < 0) return undefined;
  const [name = '', word = ''] = tokens.slice(tcp + 1);
  const state = stateWord(/^\((.*)\)$/.exec(word)?.[1]);
  if (!state) return undefined;
  const [here = '', there] = name.split('->');
  const local = parseEndpoint(here);
  const peer = there === undefined ? undefined : parseEndpoint(there);
  if (!local || (there !== undefined && !peer)) return undefined;
  const type = tokens.findLastIndex((token, index) => index < tcp && /^IPv[46]$/.test(token));
  const pid = pidBefore(tokens, type);
  if (pid === undefined) return undefined;
  const device = tokens[type + 1] ?? '';
  const fd = Number.parseInt(tokens[type - 1] ?? '', 10);
  const any = tokens[type] === 'IPv6' ? '::' : '0.0.0.0';
  return rowOf({
    state,
    local: local.address === '*' ? { ...local, address: any } : local,
    peer: peer ?? null,
    owners: [
      {
        name: unescaped(tokens[pid - 1] ?? ''),
        pid: Number(tokens[pid]),
        fd: Number.isNaN(fd) ? null : fd,
      },
    ],
    inode: /^\d+$/.test(device) ? Number(device) : null,
  });
}

/** COMMAND PID [TID TASKCMD] USER FD TYPE: a thread's number stands behind its process's. */
function pidBefore(tokens: readonly string[], type: number): number | undefined {
  const last = tokens.findLastIndex(
    (token, index) => index <= type - 3 && index > 0 && /^\d{1,7}$/.test(token),
  );
  if (last < 1) return undefined;
  return last > 1 && /^\d{1,7}$/.test(tokens[last - 1] ?? '') ? last - 1 : last;
}

/** lsof escapes a space in a name. */
function unescaped(name: string): string {
  return name.replaceAll('\\x20', ' ');
}
