// A proxy that is asked where to: asked.mjs PORT connect|socks.
import net from 'node:net';

const [port, how] = process.argv.slice(2);

const ADDRESSES = { 1: 4, 4: 16 };

/** What a request asks for, in HTTP (RFC 9110, 9.3.6): undefined while it is not complete. */
function readConnect(heard) {
  const found = /^CONNECT \[?([\d.a-f:]+?)\]?:(\d+) HTTP[\s\S]*?\r\n\r\n/.exec(heard.toString('latin1'));
  return found && { host: found[1], port: Number(found[2]), used: found[0].length };
}

/** In SOCKS (RFC 1928, 4). */
function readSocks(heard) {
  const length = ADDRESSES[heard[3]];
  if (heard.length < 4 || heard.length < 6 + length) return undefined;
  const bytes = heard.subarray(4, 4 + length);
  const host = length === 4 ? bytes.join('.') : bytes.toString('hex').match(/.{4}/g).join(':');
  return { host, port: heard.readUInt16BE(4 + length), used: 6 + length };
}

const SOCKS_REPLY = (code) => Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]);

net
  .createServer({ allowHalfOpen: true }, (one) => {
    let heard = Buffer.alloc(0);
    let isGreeted = how === 'connect';
    const read = (data) => {
      heard = Buffer.concat([heard, data]);
      if (!isGreeted && heard.length >= 3) {
        isGreeted = true;
        heard = heard.subarray(3);
        one.write(Buffer.of(5, 0));
      }
      const asked = isGreeted && (how === 'connect' ? readConnect(heard) : readSocks(heard));
      if (!asked) return;
      one.off('data', read);
      const other = net.connect({ host: asked.host, port: asked.port, allowHalfOpen: true });
      let isThrough = false;
      other.on('connect', () => {
        isThrough = true;
        one.write(how === 'connect' ? 'HTTP/1.1 200 OK\r\n\r\n' : SOCKS_REPLY(0));
        other.write(heard.subarray(asked.used));
        one.pipe(other).pipe(one);
      });
      other.on('error', () => {
        if (isThrough) one.destroy();
        else one.end(how === 'connect' ? 'HTTP/1.1 502 Bad Gateway\r\n\r\n' : SOCKS_REPLY(5));
      });
      one.on('error', () => other.destroy());
    };
    one.on('data', read);
  })
  .listen(Number(port), '::');
