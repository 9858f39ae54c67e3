// A server of the tests: `server.mjs MODE [PORT [HOST]]`. Each mode but the first does one thing as it should not be done.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import net from 'node:net';

const [mode = 'echo', port = '80', host] = process.argv.slice(2);

/** @type {Record<string, () => void>} */
const modes = {
  // Echoes what it receives, and closes when its peer does.
  echo: () => listen({}, (socket) => socket.pipe(socket)),
  // Answers whole lines, also before a FIN; ends what is idle; and finishes the requests in progress when it is told to end.
  careful: () => {
    /** @type {Map<net.Socket, string>} */
    const begun = new Map();
    let isOver = false;
    const endIdle = () => {
      for (const [socket, line] of begun) if (line === '') socket.end();
    };
    const server = listen({ allowHalfOpen: true }, (socket) => {
      begun.set(socket, '');
      socket.setTimeout(1500, () => begun.get(socket) === '' && socket.destroy());
      socket.on('data', (data) => {
        const lines = `${begun.get(socket)}${data}`.split('\n');
        begun.set(socket, lines.pop() ?? '');
        for (const line of lines) socket.write(`${line}\n`);
        if (isOver) endIdle();
      });
      socket.on('end', () => socket.end());
      socket.on('close', () => begun.delete(socket));
    });
    process.on('SIGTERM', () => {
      isOver = true;
      // First what is in the accept queue is accepted.
      setTimeout(() => {
        server.close();
        endIdle();
      }, 50);
    });
  },
  // Never answers.
  mute: () => listen({}, (socket) => socket.resume()),
  // Never closes: the leak.
  leak: () => listen({ allowHalfOpen: true }, (socket) => socket.on('data', (data) => socket.write(data))),
  // Takes a while, and forgets the answer when its peer's FIN comes, or SIGTERM.
  hasty: () =>
    listen({ allowHalfOpen: true }, (socket) => {
      socket.on('data', (data) => setTimeout(() => socket.write(data), 2000));
      socket.on('end', () => socket.destroy());
    }),
  // An error of one connection ends it.
  fragile: () => {
    const server = net.createServer((socket) => socket.on('data', (data) => socket.write(data)));
    server.listen(Number(port));
  },
  // Serves one after the other.
  serial: () => {
    /** @type {net.Socket[]} */
    const queue = [];
    const next = () => {
      const socket = queue[0];
      if (!socket) return;
      socket.pipe(socket);
      socket.once('close', () => {
        queue.shift();
        next();
      });
    };
    listen({}, (socket) => {
      queue.push(socket);
      if (queue.length === 1) next();
    });
  },
  // Has room for two in its queue, and something else to do when the first comes.
  tiny: () => {
    let untilMs = 0;
    listen(
      {},
      (socket) => {
        untilMs ||= Date.now() + 300;
        while (Date.now() < untilMs);
        socket.pipe(socket);
      },
      1,
    );
  },
  // Not even syncookies help it.
  flooded: () => {
    writeFileSync('/proc/sys/net/ipv4/tcp_syncookies', '0');
    listen({}, (socket) => socket.pipe(socket), 1);
  },
  // Closes first.
  curt: () => listen({}, (socket) => socket.on('data', (data) => socket.end(data))),
  // Takes no more than that many at a time, and closes the others.
  limited: () => {
    listen({}, (socket) => socket.pipe(socket)).maxConnections = 50;
  },
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
function listen(options, serve, backlog = 511) {
  const server = net.createServer(options, (socket) => {
    socket.on('error', () => {});
    serve(socket);
  });
  return server.listen({ port: Number(port), backlog, ...(host ? { host } : {}) });
}

modes[mode]?.();
