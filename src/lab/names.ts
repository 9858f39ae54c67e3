import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { TcplabError } from '../error.ts';
import { systemCommand, UTIL_LINUX } from '../kernel/system-command.ts';
import { addressBytes } from '../tcp/endpoint.ts';
import { type EnterableHost, isEnterable } from './host.ts';
import type { Lab } from './lab.ts';
import { TemporaryFolder } from './temporary-folder.ts';

const DNS_PORT = 53;

/** Names of the two hosts, or of others that a lab has: a name has the addresses in the order in which they are given. */
export type NameTable = Readonly<Record<string, readonly string[]>>;

/**
 * A DNS server in a lab's server, and what has a program ask it: resolv.conf(5) and nsswitch.conf(5) of its own, mounted over the
 * machine's in a mount namespace. The program needs no change, and nothing else on the machine sees it.
 */
export class Names implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #folder: TemporaryFolder;

  private constructor(socket: Socket, folder: TemporaryFolder) {
    this.#socket = socket;
    this.#folder = folder;
  }

  /** Throws a TcplabError with code MACHINE where that can't be had. */
  static async serve(lab: Lab, names: NameTable): Promise<Names> {
    const server = ownHost(lab);
    if (!existsSync(RESOLV_CONF))
      throw new TcplabError('MACHINE', `this machine has no ${RESOLV_CONF} to replace`);
    const socket = server.within(() => {
      const opened = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
      opened.on('message', (query, { port, address }) => {
        const answer = answerTo(query, names);
        if (answer) opened.send(answer, port, address, () => {});
      });
      opened.bind(DNS_PORT, server.address);
      return opened;
    });
    await once(socket, 'listening');
    const folder = new TemporaryFolder('tcplab-names-');
    folder.write('resolv.conf', `nameserver ${server.address}\n`);
    if (existsSync(NSSWITCH_CONF)) {
      const others = readFileSync(NSSWITCH_CONF, 'utf8').replace(/^\s*hosts:.*\n?/gm, '');
      folder.write('nsswitch.conf', `${others}\nhosts: files dns\n`);
    }
    return new Names(socket, folder);
  }

  /** The command that runs a program with these names. A text is for the shell. */
  around(command: string | readonly string[]): string[] {
    const argv = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
    const unshare = systemCommand('unshare', UTIL_LINUX);
    return [unshare, '--mount', '--', '/bin/sh', '-ec', MOUNT, this.#folder.path, ...argv];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#folder[Symbol.dispose]();
    this.#socket.close();
  }
}

/** The lab's server, if it can be entered from here. */
function ownHost({ server }: Lab): EnterableHost {
  if (isEnterable(server)) return server;
  throw new TcplabError('MACHINE', 'names require hosts on this machine');
}

const RESOLV_CONF = '/etc/resolv.conf';
const NSSWITCH_CONF = '/etc/nsswitch.conf';

/** The C library asks nscd(8) first, which would ask the machine's own DNS server. */
const MOUNT = `
mount --bind "$0/resolv.conf" ${RESOLV_CONF}
if [ -e "$0/nsswitch.conf" ]; then mount --bind "$0/nsswitch.conf" ${NSSWITCH_CONF}; fi
if [ -e /run/nscd ]; then mount -t tmpfs tmpfs /run/nscd; fi
exec "$@"`;

// RFC 1035, 4.1 and 3.2.2; RFC 3596
const HEADER = 12;
const A = 1;
const AAAA = 28;
const IS_RESPONSE = 0x8000;
const IS_AUTHORITATIVE = 0x0400;
const ASKS_RECURSION = 0x0100;
const CAN_RECURSE = 0x0080;
const NAME_ERROR = 3;
/** Where the question's name is, for the answers. */
const POINTER = 0xc000 | HEADER;

/** The response to a query; undefined if it is none. */
export function answerTo(query: Buffer, names: NameTable): Buffer | undefined {
  const question = questionOf(query);
  if (!question) return undefined;
  const { name, type, end } = question;
  const known = name.toLowerCase();
  const addresses = Object.hasOwn(names, known) ? names[known] : undefined;
  const wanted = (addresses ?? []).map(addressBytes).filter(({ length }) => TYPES[length] === type);
  const header = Buffer.from(query.subarray(0, HEADER));
  const flags = IS_RESPONSE | IS_AUTHORITATIVE | CAN_RECURSE | (query.readUInt16BE(2) & ASKS_RECURSION);
  header.writeUInt16BE(addresses ? flags : flags | NAME_ERROR, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(wanted.length, 6);
  header.fill(0, 8);
  return Buffer.concat([header, query.subarray(HEADER, end), ...wanted.map(record)]);
}

/** By the length of an address, in bytes. */
const TYPES: Record<number, number> = { 4: A, 16: AAAA };

function record(address: Uint8Array): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(POINTER, 0);
  head.writeUInt16BE(TYPES[address.length] ?? 0, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(0, 6);
  head.writeUInt16BE(address.length, 10);
  return Buffer.concat([head, address]);
}

function questionOf(query: Buffer): { name: string; type: number; end: number } | undefined {
  const labels: string[] = [];
  let at = HEADER;
  for (;;) {
    const length = query[at];
    if (length === undefined || length > 63) return undefined;
    at += 1 + length;
    if (length === 0) break;
    labels.push(query.toString('latin1', at - length, at));
  }
  if (at + 4 > query.length || query.readUInt16BE(2) & IS_RESPONSE) return undefined;
  return { name: labels.join('.'), type: query.readUInt16BE(at), end: at + 4 };
}
