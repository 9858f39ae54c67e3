import type { Doubt } from '../../tcp/doubts.ts';
import { wordsOfDoubts } from '../../tcp/doubts.ts';

/** What leaves more than one state open, in the terms of a capture. */
const REASONS: Partial<Record<Doubt, string>> = {
  'not delivered': 'nothing that it sent shows whether the last segments for it arrived',
  'out of sight':
    'unless captured near this end, a FIN or RST of it may be lost before it is seen, or its host gone',
  'before the capture': 'the capture begins after its handshake',
  'FIN or data': 'the capture misses a segment of this connection, which may have been a FIN',
  'close behind data': 'a FIN may wait behind unsent data',
  foreign: 'its RST came with another TTL than the rest, so a firewall may have sent it',
  timer: 'a timer may have ended its state by now',
};

/** One sentence for all of them. */
export function reasonOf(doubts: readonly Doubt[]): string {
  const all = [...new Set(doubts)];
  const own = all.flatMap((doubt) => REASONS[doubt] ?? []);
  const others = all.filter((doubt) => REASONS[doubt] === undefined);
  return [...own, ...(others.length > 0 ? [wordsOfDoubts(others, 'all')] : [])].join('; ');
}
