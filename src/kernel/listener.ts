import { SystemError, TcplabError } from '../error.ts';
import { addressBytes, addressText, type Endpoint } from '../tcp/endpoint.ts';
import { libc } from './libc.ts';
import { currentPrivilege } from './privileges.ts';
import { bind, close, listen, localEndpoint, openTcpSocket, setOption } from './socket.ts';

const PASSED = 'TCPLAB_LISTENER';
const F_SETFD = 2;
const FD_CLOEXEC = 1;

/**
 * A socket that listens on `local` in the network in which tcplab was started; port 0: any free port. If this process
 * is to be restarted in a network of its own (`enterUserNamespace`), the restarted process takes over the socket.
 * Throws a TcplabError with code USAGE if the address or the port cannot be had.
 */
export function listenAtHome(local: Endpoint): number {
  const passed = takePassed(local);
  if (passed !== undefined) return passed;
  const fd = openTcpSocket(local.address.includes(':') ? 'ipv6' : 'ipv4');
  try {
    setOption(fd, 'SO_REUSEADDR', 1);
    bind(fd, local);
    listen(fd, 128);
  } catch (error) {
    close(fd);
    throw error instanceof SystemError ? explained(error, local) : error;
  }
  if (currentPrivilege() === 'none') {
    libc.fcntl(fd, F_SETFD, 0);
    process.env[PASSED] = String(fd);
  }
  return fd;
}

function explained(error: SystemError, { address, port }: Endpoint): TcplabError {
  const usage = (message: string, hint: string) => new TcplabError('USAGE', message, { hint, cause: error });
  switch (error.errno) {
    case 'EADDRINUSE':
      return usage(
        `port ${port} is in use on ${address}`,
        'choose another port, or omit it to get a free one',
      );
    case 'EACCES':
      return usage(`port ${port} is reserved for root`, 'choose a port above 1023');
    case 'EADDRNOTAVAIL':
      return usage(
        `${address} is not an address of this machine`,
        'list its addresses with `ip -brief address`',
      );
    default:
      return error;
  }
}

/** The socket that this program had before it was restarted. Its children do not inherit it. */
function takePassed(local: Endpoint): number | undefined {
  const passed = process.env[PASSED];
  delete process.env[PASSED];
  const fd = Number(passed);
  if (passed === undefined || !Number.isInteger(fd) || fd < 3) return undefined;
  try {
    const shortest = addressText(addressBytes(local.address));
    if (localEndpoint(fd).address !== shortest) return undefined;
  } catch (error) {
    // The variable came from elsewhere.
    if (error instanceof SystemError) return undefined;
    throw error;
  }
  libc.fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}
