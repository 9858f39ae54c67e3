import { type AnswerReader, messageReader, replyOf, type Talk } from './talk.ts';

/**
 * SSH as far as both ends speak in clear (RFC 4253, 4.2 and 7): the version, and the server's offer of algorithms. As the
 * server tcplab then disconnects, so no client can be served.
 */
export const SSH: Talk = {
  name: 'ssh',
  request: Buffer.from('SSH-2.0-tcplab\r\n'),
  greeting: versionReader,
  response: packetReader,
  welcome: Buffer.from('SSH-2.0-tcplab\r\n'),
  responder: () => (heard) => {
    const end = heard.indexOf('\n');
    return end < 0 ? undefined : replyOf(heard.length, disconnect(), true);
  },
};

/** Lines before the version are allowed; without a version it is a refusal, such as that of MaxStartups. */
function versionReader(): AnswerReader {
  return messageReader(
    (seen) => /^SSH-[^\n]*\n/m.test(seen.toString('latin1')),
    (seen) => (/^SSH-/m.test(seen.toString('latin1')) ? null : 'the response is not SSH'),
  );
}

function packetReader(): AnswerReader {
  return messageReader(
    (seen) => seen.length >= 4 && seen.length >= 4 + seen.readUInt32BE(0),
    () => null,
  );
}

/** SSH_MSG_DISCONNECT by application (RFC 4253, 11.1), before any key exchange. */
function disconnect(): Buffer {
  const text = Buffer.from('tcplab serves no SSH');
  const SSH_MSG_DISCONNECT = 1;
  const BY_APPLICATION = 11;
  const payload = Buffer.alloc(1 + 4 + 4 + text.length + 4);
  payload[0] = SSH_MSG_DISCONNECT;
  payload.writeUInt32BE(BY_APPLICATION, 1);
  payload.writeUInt32BE(text.length, 5);
  text.copy(payload, 9);
  // The whole packet is a multiple of 8, with at least 4 bytes of padding (RFC 4253, 6).
  const padding = 4 + ((8 - ((4 + 1 + payload.length + 4) % 8)) % 8);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(1 + payload.length + padding);
  head[4] = padding;
  return Buffer.concat([head, payload, Buffer.alloc(padding)]);
}
