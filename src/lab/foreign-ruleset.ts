import type { SeenRule } from '../evidence/seen-rules.ts';
import type { NftObject, NftRule } from '../kernel/nftables.ts';

/** The rules that nftables lists, and the policies that drop: `text` has the words of each, by its table and handle. */
export function rulesOf({ objects, text }: { objects: readonly NftObject[]; text: string }): SeenRule[] {
  const words = wordsOf(text);
  const hooks = new Map<string, string>();
  const policies: SeenRule[] = [];
  for (const { chain } of objects) {
    if (!chain?.hook) continue;
    const name = `${chain.family} ${chain.table} ${chain.name}`;
    hooks.set(name, chain.hook);
    if (chain.policy === 'drop') {
      const { hook } = chain;
      policies.push({
        chain: name,
        handle: null,
        hook,
        text: 'policy drop',
        packets: null,
        effect: 'may drop',
      });
    }
  }
  const rules = objects.flatMap(({ rule }): SeenRule[] => {
    if (!rule) return [];
    const chain = `${rule.family} ${rule.table} ${rule.chain}`;
    const table = `${rule.family} ${rule.table}`;
    return [
      {
        chain,
        handle: rule.handle,
        hook: hooks.get(chain) ?? null,
        text: words.get(`${table} ${rule.handle}`) ?? 'a rule that nft can’t print',
        packets: rule.expr.find(({ counter }) => counter)?.counter?.packets ?? null,
        effect: rule.expr.every(isHarmless) ? 'goes on' : 'may drop',
      },
    ];
  });
  return [...rules, ...policies];
}

/** What a rule of nft may have that lets every packet pass, at most changed (libnftables-json(5)). All else may stop it. */
const HARMLESS = new Set([
  ...['match', 'counter', 'limit', 'quota', 'ct count', 'last', 'log', 'mangle', 'notrack', 'meter', 'set'],
  ...['accept', 'continue', 'return', 'jump', 'goto', 'ct helper', 'ct timeout', 'flow'],
]);

/** Targets of iptables after which the packet goes on (iptables-extensions(8)). */
const HARMLESS_TARGETS = new Set([
  'LOG',
  'NFLOG',
  'MARK',
  'CONNMARK',
  'TCPMSS',
  'TTL',
  'HL',
  'DSCP',
  'TOS',
  'ECN',
  'TRACE',
]);

function isHarmless(expression: NftRule['expr'][number]): boolean {
  return Object.entries(expression).every(([name, value]) => {
    if (name !== 'xt') return HARMLESS.has(name);
    const { type, name: extension } = (value ?? {}) as { type?: string; name?: string };
    return type === 'match' || (type === 'target' && HARMLESS_TARGETS.has(extension ?? ''));
  });
}

/** Of the text that nft prints with handles, without counters: each rule's line by its table and handle. */
function wordsOf(text: string): Map<string, string> {
  const words = new Map<string, string>();
  let table = '';
  let begun = '';
  for (const line of text.split('\n')) {
    const named = /^table (\S+ \S+) \{/.exec(line);
    if (named) table = named[1] ?? '';
    // A rule with a long set takes several lines, and its handle is on the last.
    const rest = line.trim();
    const rule = /^(.*?) # handle (\d+)$/.exec(rest);
    if (rule && !rest.startsWith('chain ') && !named) {
      words.set(`${table} ${rule[2]}`, `${begun}${rule[1]}`.replace(/ ?\bcounter\b/, '').trim());
      begun = '';
    } else if (/^(chain|type|set|map|elements|flags|policy|\}|#)/.test(rest) || named || rest === '')
      begun = '';
    else begun += `${rest} `;
  }
  return words;
}
