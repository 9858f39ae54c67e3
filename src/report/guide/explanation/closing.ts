import { unacknowledgedFin } from './closing-end.ts';
import type { StateExplanation } from './explanation.ts';

export const closing: StateExplanation = {
  brief: "both ends closed at once; the ACK of this end's FIN is missing",
  what: [
    "Both ends closed at about the same time, and their FINs crossed. The peer's FIN has arrived; the ACK of this end's " +
      'FIN has not. This is the rarest state, and it should last less than a round trip.',
  ],
  end: unacknowledgedFin,
  many: [
    "This hardly ever happens. If it does, one direction is broken: the peer's segments arrive, but this end's do not. " +
      'The peer then retransmits its FIN, and this end retransmits its ACK.',
  ],
  remedy: [
    {
      to: 'See the peers, and how often the FIN has been retransmitted:',
      run: 'ss -tano state closing',
    },
    {
      to: 'Search for a packet filter that drops one direction, here, on the path and at the peer:',
      run: 'nft list ruleset',
    },
  ],
  mistakes: [
    '"Two ends that close at the same moment are in CLOSING." Only if the FINs cross. If the peer\'s FIN already ' +
      "acknowledges this end's FIN, the state is TIME-WAIT at once.",
    '"One end keeps TIME-WAIT." After CLOSING both ends do, because both closed first.',
  ],
};
