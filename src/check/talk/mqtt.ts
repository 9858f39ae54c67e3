import { type AnswerReader, messageReader, type Reply, replyOf, type Talk } from './talk.ts';

const CONNECT = 1;
const CONNACK = 0x20;
const PUBLISH = 3;
const SUBSCRIBE = 8;
const UNSUBSCRIBE = 10;
const PINGREQ = 12;
const DISCONNECT = 14;

function text(value: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(Buffer.byteLength(value));
  return Buffer.concat([length, Buffer.from(value)]);
}

function connect(client: string): Buffer {
  const KEEPALIVE_S = 60;
  const CLEAN_SESSION = 2;
  const body = Buffer.concat([text('MQTT'), Buffer.of(4, CLEAN_SESSION, 0, KEEPALIVE_S), text(client)]);
  return Buffer.concat([Buffer.of(CONNECT << 4, body.length), body]);
}

function connackReader(): AnswerReader {
  return messageReader(isConnack, (seen) => {
    if (seen[0] !== CONNACK) return 'the response is not MQTT';
    return isConnack(seen) && seen[3] !== 0 ? `CONNACK with return code ${seen[3]}` : null;
  });
}

function isConnack(seen: Buffer): boolean {
  return seen.length >= 4;
}

/** The first control packet (MQTT 3.1.1, 2.2): its length in bytes of seven bits each. */
function packetIn(heard: Buffer): { type: number; body: Buffer; used: number } | undefined {
  let length = 0;
  for (let at = 1; at <= 4; at++) {
    const byte = heard[at];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 128 ** (at - 1);
    if (byte >= 0x80) continue;
    const used = at + 1 + length;
    if (heard.length < used) return undefined;
    return { type: (heard[0] ?? 0) >> 4, body: heard.subarray(at + 1, used), used };
  }
  return undefined;
}

function respond(type: number, head: number, body: Buffer, used: number, isV5: boolean): Reply {
  const none = Buffer.alloc(0);
  const properties = isV5 ? [0] : [];
  switch (type) {
    case CONNECT:
      return replyOf(used, Buffer.of(CONNACK, 2 + properties.length, 0, 0, ...properties));
    case SUBSCRIBE: {
      // And a message of the topic at once, for those who wait for one.
      const at = 2 + (isV5 ? 1 + (body[2] ?? 0) : 0);
      const topic = body.subarray(at + 2, at + 2 + body.readUInt16BE(at)).toString('utf8');
      const id = [body[0] ?? 0, body[1] ?? 0];
      const message = Buffer.concat([
        text(topic.replace(/[#+]/g, 'tcplab')),
        Buffer.of(...properties),
        Buffer.from('hello'),
      ]);
      const publish = Buffer.concat([Buffer.of(PUBLISH << 4, message.length), message]);
      return replyOf(
        used,
        Buffer.concat([Buffer.of(0x90, 3 + properties.length, ...id, ...properties, 0), publish]),
      );
    }
    case UNSUBSCRIBE:
      return replyOf(used, Buffer.of(0xb0, 2, body[0] ?? 0, body[1] ?? 0));
    case PUBLISH: {
      const isAcknowledged = (head & 0x06) === 2;
      const at = 2 + body.readUInt16BE(0);
      return replyOf(used, isAcknowledged ? Buffer.of(0x40, 2, body[at] ?? 0, body[at + 1] ?? 0) : none);
    }
    case PINGREQ:
      return replyOf(used, Buffer.of(0xd0, 0));
    default:
      return replyOf(used, none, type === DISCONNECT);
  }
}

/** MQTT 3.1.1 (and 5.0 as a server), OASIS: mqtt-v3.1.1, mqtt-v5.0. */
export const MQTT: Talk = {
  name: 'mqtt',
  // Without an identifier, the broker gives each client its own; of two with the same one it closes the first.
  request: connect(''),
  greeting: () => null,
  response: connackReader,
  welcome: Buffer.alloc(0),
  responder: () => {
    let isV5 = false;
    return (heard) => {
      const found = packetIn(heard);
      if (!found) return undefined;
      const { type, body, used } = found;
      // What is too short for its kind is not MQTT.
      if ([PUBLISH, SUBSCRIBE].includes(type) && body.length < 5) return undefined;
      if (type === CONNECT) isV5 = body[6] === 5;
      return respond(type, heard[0] ?? 0, body, used, isV5);
    };
  },
};
