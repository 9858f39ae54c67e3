// Relays with one fault each: bad.mjs PORT HOST PORT FAULT.
import net from 'node:net';

const [port, host, to, fault] = process.argv.slice(2);

const server = net.createServer({ allowHalfOpen: true, keepAlive: true }, (one) => {
  const other = net.connect({ host, port: Number(to), allowHalfOpen: true, keepAlive: true });
  const end = () => {
    one.resetAndDestroy();
    other.resetAndDestroy();
  };
  for (const [from, into] of [
    [one, other],
    [other, one],
  ]) {
    from.on('error', end);
    from.on('data', (data) => {
      // `greedy` reads on, however much waits.
      if (!into.write(fault === 'changing' ? data.toString().toUpperCase() : data) && fault !== 'greedy')
        from.pause();
    });
    into.on('drain', () => from.resume());
    from.on('end', () => into.end());
    if (fault === 'impatient') from.setTimeout(1000, end);
  }
});
if (fault === 'alone') server.maxConnections = 1;
if (fault === 'deaf') process.on('SIGTERM', () => {});
server.listen(Number(port));
