import { httpInterim, httpReply, isHttpRequest } from './http.ts';
import { LINE, replyOf, type Talk, textTalk } from './talk.ts';

/** tcplab says nothing as a client; as a server it answers HTTP with HTTP, and all else with a line. */
export const AUTO: Talk = {
  ...textTalk({}),
  name: 'auto',
  interim: httpInterim,
  responder: () => (heard) => {
    if (heard.length === 0 || isHttpBegun(heard)) return undefined;
    return isHttpRequest(heard) ? httpReply(heard) : replyOf(heard.length, LINE);
  },
};

/** Some clients send the first line of a request in pieces. */
function isHttpBegun(heard: Buffer): boolean {
  return /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) [^\n]*$/.test(heard.toString('latin1', 0, 8192));
}
