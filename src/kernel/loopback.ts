import { SystemError, TcplabError } from '../error.ts';
import { libc } from './libc.ts';
import { currentPrivilege } from './privileges.ts';
import { bind, close, listen, localEndpoint, openTcpSocket, setOption } from './socket.ts';

const PASSED = 'TCPLAB_LOOPBACK_SOCKET';
const ADDRESS = '127.0.0.1';
const F_SETFD = 2;
const FD_CLOEXEC = 1;

/**
 * A socket that listens on the loopback of the network in which tcplab was started; port 0: one that is free. When this
 * process is to be started again in a network of its own (`enterUserNamespace`), the socket goes along.
 */
export function listenOnLoopback(port: number): number {
  const passed = takePassed();
  if (passed !== undefined) return passed;
  const fd = openTcpSocket('ipv4');
  try {
    setOption(fd, 'SO_REUSEADDR', 1);
    bind(fd, { address: ADDRESS, port });
    listen(fd, 128);
  } catch (error) {
    close(fd);
    if (!(error instanceof SystemError)) throw error;
    if (error.errno === 'EADDRINUSE')
      throw new TcplabError('USAGE', `port ${port} is in use`, { hint: 'choose another --port, or none' });
    if (error.errno === 'EACCES') {
      throw new TcplabError('USAGE', `port ${port} requires root`, {
        hint: 'choose a --port of 1024 or more',
      });
    }
    throw error;
  }
  if (currentPrivilege() === 'none') {
    libc.fcntl(fd, F_SETFD, 0);
    process.env[PASSED] = String(fd);
  }
  return fd;
}

/** The socket that this program had before it was started again; no child gets it. */
function takePassed(): number | undefined {
  const passed = process.env[PASSED];
  delete process.env[PASSED];
  const fd = Number(passed);
  if (passed === undefined || !Number.isInteger(fd) || fd < 3) return undefined;
  try {
    if (localEndpoint(fd).address !== ADDRESS) return undefined;
  } catch (error) {
    // The variable came from elsewhere.
    if (error instanceof SystemError) return undefined;
    throw error;
  }
  libc.fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}
