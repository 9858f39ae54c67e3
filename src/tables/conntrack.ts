import { parseEndpoint } from './endpoint.ts';
import { rowOf, type TableEndpoint, type TableRow } from './row.ts';

const HEAD = /(?:^|\s)tcp\s+6\s+(?:(\d+)\s+)?([A-Z][A-Z0-9_]+)\s+src=/;

/** A row of `conntrack -L` or /proc/net/nf_conntrack: an entry of a box between two ends. Undefined for any other text. */
export function conntrackRow(text: string): TableRow | undefined {
  const [, left, state] = HEAD.exec(text) ?? [];
  if (state === undefined) return undefined;
  const value = (name: string) => new RegExp(`\\s${name}=(\\S+)`).exec(text)?.[1] ?? '';
  const from = end(value('src'), value('sport'));
  const to = end(value('dst'), value('dport'));
  if (!from || !to) return undefined;
  return rowOf({
    state: null,
    conntrack: state,
    // The end that sent the SYN is called local, as if the table were its own.
    local: from,
    peer: to,
    forgottenInS: left === undefined ? null : Number(left),
  });
}

function end(address: string, port: string): TableEndpoint | undefined {
  return parseEndpoint(address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`);
}
