// A server with a bug: it never closes a connection that its client has closed, so each stays in CLOSE-WAIT.
import { createServer } from 'node:net';

createServer({ allowHalfOpen: true }, (socket) => socket.resume()).listen(8080);
