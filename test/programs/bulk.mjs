// Sends as much as it can, or takes it: `bulk.mjs server PORT`, `bulk.mjs client HOST PORT`.
import { connect, createServer } from 'node:net';

const [role, ...rest] = process.argv.slice(2);
if (role === 'server') {
  createServer((socket) => socket.resume()).listen(Number(rest[0]));
} else {
  const socket = connect(Number(rest[1]), rest[0]);
  const data = Buffer.alloc(65_536, 'x');
  const send = () => {
    while (socket.write(data));
  };
  socket.on('connect', send).on('drain', send);
}
