import { type ErrorCode, SystemError, TcplabError } from '../error.ts';
import type { TimelineEvent } from '../evidence/events.ts';
import type { Privilege } from '../kernel/privileges.ts';

/**
 * The protocol between an agent and the process that started it: one JSON object per line, over stdin and stdout. Raised
 * when one side would misread the other.
 */
export const AGENT_FORMAT = 'tcplab.agent/2';

/** The agent's first line. Lines before it (a banner, a message of the day) come from other programs. */
export interface Greeting {
  tcplab: string;
  version: string;
  machine: { kernel: string; arch: string; node: string };
  privilege: Privilege;
  /** Identifies its network namespace across machines: boot id and namespace. */
  network: string;
}

export interface Request {
  id: number;
  call: string;
  args: unknown[];
}

export type Answer = { id: number; result?: unknown } | { id: number; error: SaidError };

/** An event in an open host, sent at once. */
export interface News {
  host: number;
  event: TimelineEvent;
}

export type FromAgent = Answer | News;

interface SaidError {
  code: ErrorCode | null;
  message: string;
  hint?: string | undefined;
  syscall?: string;
  errno?: string;
}

/** Leaves JSON values as they are; bytes become text. */
export function encode(value: unknown): unknown {
  if (value instanceof Uint8Array) return { octets: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(encode);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, encode(each)]));
}

export function decode(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value !== 'object' || value === null) return value;
  const { octets } = value as { octets?: unknown };
  if (typeof octets === 'string') return Buffer.from(octets, 'base64');
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, decode(each)]));
}

export function encodeError(error: unknown): SaidError {
  if (!(error instanceof Error)) return { code: null, message: String(error) };
  const { message } = error;
  if (!(error instanceof TcplabError)) return { code: null, message: error.stack ?? message };
  const { code, hint } = error;
  if (!(error instanceof SystemError)) return { code, message, hint };
  return { code, message, hint, syscall: error.syscall, errno: error.errno };
}

/** The original error. An unexpected one stays unexpected: it is a fault of tcplab. */
export function decodeError({ code, message, hint, syscall, errno }: SaidError): Error {
  if (code === null) return new Error(message);
  if (syscall === undefined || errno === undefined) return new TcplabError(code, message, { hint });
  return Object.assign(new SystemError(syscall, errno, { code, hint }), { message });
}

/** More than any message has: a stream without line ends must not fill the memory. In characters. */
const LONGEST = 16 * 1024 * 1024;

/** Splits a stream into lines, and keeps the last until its end has arrived. */
export class Lines {
  #rest = '';

  /** Throws a TcplabError when a line has no end within 16 Mi characters. */
  take(text: string): string[] {
    if (!text.includes('\n')) {
      this.#rest += text;
      if (this.#rest.length > LONGEST) throw new TcplabError('SYSTEM', 'found 16 MiB without a line end');
      return [];
    }
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines;
  }

  /** What has come of a line without an end. */
  get rest(): string {
    return this.#rest;
  }
}
