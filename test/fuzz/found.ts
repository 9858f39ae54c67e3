import type { Walk } from './deeds.ts';

/** Walks in which a witness once contradicted another, shortened, with what was wrong. */
export const FOUND: (Partial<Walk> & { why: string; deeds: Walk['deeds'] })[] = [
  {
    why: 'another socket on the same ports could not connect',
    deeds: [
      { do: 'rule', at: 'client', hook: 'in', flags: '', fate: 'drop' },
      { do: 'connect', at: 'client' },
      { do: 'connect', at: 'client' },
    ],
  },
  {
    why: 'shutdown() in SYN-SENT sends nothing',
    deeds: [
      { do: 'rule', at: 'client', hook: 'in', flags: '', fate: 'drop' },
      { do: 'connect', at: 'client' },
      { do: 'shutdown', at: 'client', which: 0 },
    ],
  },
  {
    why: 'a new listener on the ports of a TIME-WAIT',
    deeds: [
      { do: 'listen', at: 'server' },
      { do: 'connect', at: 'client' },
      { do: 'shutdown', at: 'client', which: 0 },
      { do: 'craft', at: 'server', flags: 'F.', seq: 0, ack: 0, octets: 0 },
      { do: 'listen', at: 'client' },
    ],
  },
  {
    why: 'a request that outlives its listener',
    deeds: [
      { do: 'listen', at: 'server' },
      { do: 'rule', at: 'server', hook: 'out', flags: '', fate: 'drop' },
      { do: 'connect', at: 'client' },
      { do: 'abort', at: 'server', which: 0 },
      { do: 'connect', at: 'server' },
    ],
  },
  {
    why: 'a rule rejects what its own host sends',
    deeds: [
      { do: 'rule', at: 'client', hook: 'out', flags: '', fate: 'reject with administratively prohibited' },
      { do: 'connect', at: 'client' },
      { do: 'craft', at: 'server', flags: 'S', seq: 0, ack: 0, octets: 0 },
    ],
  },
  {
    why: 'a socket whose connection is over is closed beside the next one',
    deeds: [
      { do: 'connect', at: 'server' },
      { do: 'listen', at: 'server' },
      { do: 'connect', at: 'client' },
      { do: 'abort', at: 'server', which: 0 },
    ],
  },
  {
    why: 'data for an orphan that acknowledges its FIN',
    deeds: [
      { do: 'listen', at: 'server' },
      { do: 'connect', at: 'client' },
      { do: 'accept', at: 'server' },
      { do: 'close', at: 'client', which: 0 },
      { do: 'send', at: 'server', which: 1, octets: 1 },
    ],
  },
  {
    why: 'a listener and a socket that connects on the same port',
    deeds: [
      { do: 'connect', at: 'client' },
      { do: 'rule', at: 'client', hook: 'out', flags: '', fate: 'reject with host unreachable' },
      { do: 'connect', at: 'client' },
      { do: 'listen', at: 'client' },
    ],
  },
  {
    why: 'the kernel ends a socket shortly before the next one is rejected by a rule',
    deeds: [
      { do: 'connect', at: 'client' },
      { do: 'rule', at: 'client', hook: 'out', flags: '', fate: 'reject with RST' },
      { do: 'connect', at: 'client' },
      { do: 'rest', ms: 1 },
      { do: 'rest', ms: 1 },
      { do: 'rest', ms: 1 },
    ],
  },
  {
    why: 'a rule drops the reply of a rule, which looks like an RST that was received before',
    deeds: [
      { do: 'connect', at: 'client' },
      { do: 'rule', at: 'client', hook: 'out', flags: '', fate: 'reject with RST' },
      { do: 'craft', at: 'client', flags: 'P', seq: 0, ack: 0, octets: 0 },
    ],
  },
  {
    why: 'an RST of a rule that was dropped may not have ended what sends a SYN-ACK with its number',
    deeds: [
      { do: 'rule', at: 'client', hook: 'out', flags: '', fate: 'reject with RST' },
      { do: 'connect', at: 'client' },
      { do: 'connect', at: 'server' },
      { do: 'destroy', at: 'client' },
      { do: 'connect', at: 'client' },
      { do: 'listen', at: 'client' },
    ],
  },
  {
    why: 'any segment ends a request whose listener was closed',
    deeds: [
      { do: 'listen', at: 'client' },
      { do: 'rule', at: 'client', hook: 'out', flags: '', fate: 'drop' },
      { do: 'connect', at: 'server' },
      { do: 'lift', at: 'client' },
      { do: 'close', at: 'client', which: 0 },
      { do: 'craft', at: 'client', flags: 'S', seq: 0, ack: 0, octets: 0 },
      { do: 'shutdown', at: 'client', which: 0 },
    ],
  },
  {
    why: 'a SYN for a request whose listener was closed',
    deeds: [
      { do: 'listen', at: 'server' },
      { do: 'rule', at: 'client', hook: 'in', flags: '', fate: 'drop' },
      { do: 'connect', at: 'client' },
      { do: 'abort', at: 'server', which: 0 },
      { do: 'craft', at: 'client', flags: 'S', seq: 0, ack: 0, octets: 0 },
      { do: 'rest', ms: 1 },
    ],
  },
  {
    why: 'a rule rejects the SYN-ACK of its own host',
    deeds: [
      { do: 'rule', at: 'client', hook: 'out', flags: '', fate: 'reject with port unreachable' },
      { do: 'connect', at: 'client' },
      { do: 'rest', ms: 1 },
      { do: 'listen', at: 'client' },
      { do: 'craft', at: 'server', flags: 'S', seq: 0, ack: 0, octets: 1 },
      { do: 'rest', ms: 1 },
    ],
  },
  {
    why: 'a socket begins to connect from the ports of another that ends meanwhile',
    deeds: [
      { do: 'listen', at: 'server' },
      { do: 'connect', at: 'client' },
      { do: 'shutdown', at: 'client', which: 0 },
      { do: 'close', at: 'client', which: 0 },
      { do: 'connect', at: 'client' },
      { do: 'connect', at: 'server' },
    ],
  },
  {
    why: 'an accepted socket whose connection is over is aborted while the next one waits to be accepted',
    deeds: [
      { do: 'listen', at: 'client' },
      { do: 'connect', at: 'server' },
      { do: 'accept', at: 'client' },
      { do: 'shutdown', at: 'server', which: 0 },
      { do: 'shutdown', at: 'client', which: 1 },
      { do: 'connect', at: 'server' },
      { do: 'abort', at: 'client', which: 1 },
      { do: 'rest', ms: 1 },
    ],
  },
  {
    why: 'the socket that is accepted and aborted is the one that was reset in the queue, not the one after it',
    deeds: [
      { do: 'listen', at: 'server' },
      { do: 'connect', at: 'client' },
      { do: 'destroy', at: 'client' },
      { do: 'connect', at: 'client' },
      { do: 'accept', at: 'server' },
      { do: 'abort', at: 'server', which: 1 },
      { do: 'send', at: 'client', which: 0, octets: 1 },
    ],
  },
  {
    why: 'a stray ACK is refused where an ICMP error may have ended the socket',
    deeds: [
      { do: 'rule', at: 'client', hook: 'out', flags: '', fate: 'reject with host unreachable' },
      { do: 'connect', at: 'client' },
      { do: 'listen', at: 'client' },
      { do: 'connect', at: 'server' },
      { do: 'craft', at: 'server', flags: '.', seq: 0, ack: 0, octets: 0 },
      { do: 'lift', at: 'client' },
    ],
  },
  {
    why: 'an RST ends what the RST of a rule may have ended before',
    deeds: [
      { do: 'listen', at: 'client' },
      { do: 'connect', at: 'server' },
      { do: 'rule', at: 'server', hook: 'out', flags: '', fate: 'reject with RST' },
      { do: 'shutdown', at: 'server', which: 0 },
      { do: 'destroy', at: 'client' },
      { do: 'connect', at: 'server' },
      { do: 'rest', ms: 1 },
    ],
  },
  {
    why: 'a new listener takes the SYN for a request whose listener was closed',
    deeds: [
      { do: 'rule', at: 'server', hook: 'in', flags: '', fate: 'drop' },
      { do: 'listen', at: 'client' },
      { do: 'connect', at: 'server' },
      { do: 'abort', at: 'client', which: 0 },
      { do: 'listen', at: 'client' },
      { do: 'craft', at: 'server', flags: 'S', seq: 0, ack: 0, octets: 0 },
      { do: 'shutdown', at: 'client', which: 0 },
    ],
  },
  {
    why: 'the RST of a rule may have ended a request, and its listener closes',
    deeds: [
      { do: 'rule', at: 'server', hook: 'out', flags: '', fate: 'reject with RST' },
      { do: 'listen', at: 'server' },
      { do: 'connect', at: 'client' },
      { do: 'close', at: 'server', which: 0 },
      { do: 'craft', at: 'client', flags: 'S', seq: 0, ack: 0, octets: 0 },
      { do: 'connect', at: 'server' },
    ],
  },
  {
    why: 'the ICMP error of a rule may have ended a socket before another connects',
    deeds: [
      { do: 'rule', at: 'client', hook: 'out', flags: '', fate: 'reject with administratively prohibited' },
      { do: 'connect', at: 'client' },
      { do: 'connect', at: 'server' },
      { do: 'connect', at: 'client' },
      { do: 'rest', ms: 1 },
    ],
  },
  {
    why: 'the kernel shows that the RST of a rule ended the socket before another connects',
    deeds: [
      { do: 'rule', at: 'client', hook: 'out', flags: 'S', fate: 'reject with RST' },
      { do: 'connect', at: 'client' },
      { do: 'connect', at: 'client' },
      { do: 'rest', ms: 1 },
    ],
  },
  {
    why: 'the kernel shows when a socket ended that the segments only found gone',
    deeds: [
      { do: 'rule', at: 'server', hook: 'out', flags: '', fate: 'reject with RST' },
      { do: 'connect', at: 'server' },
      { do: 'shutdown', at: 'server', which: 0 },
      { do: 'lift', at: 'server' },
      { do: 'connect', at: 'server' },
      { do: 'rest', ms: 1 },
    ],
  },
  {
    why: 'TIME-WAIT gives way to a SYN with a FIN, which its listener then drops',
    deeds: [
      { do: 'listen', at: 'client' },
      { do: 'connect', at: 'server' },
      { do: 'shutdown', at: 'server', which: 1 },
      { do: 'listen', at: 'server' },
      { do: 'accept', at: 'client' },
      { do: 'close', at: 'client', which: 2 },
      { do: 'close', at: 'client', which: 2 },
      { do: 'craft', at: 'client', flags: 'SF', seq: 1_000_000, ack: 0, octets: 10 },
      { do: 'connect', at: 'client' },
      { do: 'rest', ms: 1 },
    ],
  },
  {
    why: 'the RST of a rule ends a socket whose program then closes it',
    deeds: [
      { do: 'rule', at: 'server', hook: 'out', flags: 'S', fate: 'reject with RST' },
      { do: 'connect', at: 'server' },
      { do: 'close', at: 'server', which: 0 },
      { do: 'receive', at: 'client' },
    ],
  },
];
