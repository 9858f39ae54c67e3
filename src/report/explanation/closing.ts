import { unacknowledgedFin } from './closing-end.ts';
import type { StateExplanation } from './explanation.ts';

export const closing: StateExplanation = {
  what: [
    'Both ends closed at about the same time, and their FINs crossed: the peer’s has come, the acknowledgment of ours ' +
      'has not. The rarest of all states; it should last less than a round trip.',
  ],
  end: unacknowledgedFin,
  many: [
    'It practically does not happen. If it does, one direction is lost: the peer’s segments arrive and ours do not, ' +
      'so it repeats its FIN and we our ACK.',
  ],
  remedy: [
    { run: 'ss -tano state closing', does: 'to whom, and how often the FIN has been sent again' },
    {
      run: 'nft list ruleset',
      does: 'a packet filter that drops one direction; look on the way and at the peer, too',
    },
  ],
  mistakes: [
    'Closing at the same moment is not enough: if the peer’s FIN already acknowledges ours, it is TIME-WAIT at once.',
    'TIME-WAIT follows at both ends, not at one: both closed first.',
  ],
};
