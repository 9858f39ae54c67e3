// A server of the tests: `server.mjs MODE [PORT [HOST]]`. Each mode does one thing as it should not be done.
import { spawn } from 'node:child_process';
import net from 'node:net';

const [mode = 'echo', port = '80', host] = process.argv.slice(2);

/** @type {Record<string, () => void>} */
const modes = {
  // Answers what it is told, and closes when its peer does.
  echo: () => listen({}, (socket) => socket.pipe(socket)),
  // Never closes: the leak.
  leak: () => listen({ allowHalfOpen: true }, (socket) => socket.resume()),
  // SIGTERM does nothing to it.
  stubborn: () => {
    process.on('SIGTERM', () => {});
    modes.echo?.();
  },
  // Its child is in a session of its own, and serves.
  forks: () => {
    const child = spawn(process.execPath, [process.argv[1] ?? '', 'echo', port], {
      detached: true,
      stdio: 'ignore',
    });
    child.unref();
    setInterval(() => {}, 1000);
  },
  // Writes without end.
  chatty: () => {
    modes.echo?.();
    const line = `${'x'.repeat(1023)}\n`;
    const write = () => {
      while (process.stdout.write(line));
      process.stdout.once('drain', write);
    };
    write();
  },
  // Never listens.
  idle: () => void setInterval(() => {}, 1000),
  // Ends at once.
  gone: () => {
    process.stderr.write('no configuration\n');
    process.exit(3);
  },
};

/**
 * @param {net.ServerOpts} options
 * @param {(socket: net.Socket) => void} serve
 */
function listen(options, serve) {
  const server = net.createServer(options, (socket) => {
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen({ port: Number(port), ...(host ? { host } : {}) });
}

modes[mode]?.();
