import { httpReply, isHttpRequest } from './http.ts';
import { replyOf, type Talk, textTalk } from './talk.ts';

const LINE = Buffer.from(`${'x'.repeat(1000)}\n`);

/** tcplab says nothing as a client; as a server it answers HTTP with HTTP, and all else with a line. */
export const AUTO: Talk = {
  ...textTalk({}),
  name: 'auto',
  responder: () => (heard) => {
    if (heard.length === 0) return undefined;
    return isHttpRequest(heard) ? httpReply(heard) : replyOf(heard.length, LINE);
  },
};
