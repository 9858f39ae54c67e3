import { type Command, Option } from 'commander';
import type { TlsOptions } from '../check/bench.ts';
import type { Target } from '../check/run-check.ts';
import { AUTO } from '../check/talk/auto.ts';
import { httpTalk, isSuccess } from '../check/talk/http.ts';
import { READY_TALKS } from '../check/talk/ready.ts';
import { type Talk, textTalk } from '../check/talk/talk.ts';
import { TcplabError } from '../error.ts';

/** What tcplab and the program say to each other. */
export interface TalkOptions {
  http?: string;
  expectStatus?: string;
  request?: string;
  expect?: string;
  greeting?: string;
  answer?: string;
  talk?: string;
  tls?: string | true;
}

export function addTalkOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--talk <protocol>', 'ready-made protocol that tcplab speaks').choices(
        Object.keys(READY_TALKS),
      ),
    )
    .option('--http <path>', 'server: path that tcplab requests with HTTP, such as /')
    .option('--expect-status <status>', 'server: HTTP status that is right, such as 404, 4xx or 200,401')
    .addOption(
      new Option(
        '--request <text>',
        'server: text that tcplab sends (\\r \\n \\t \\xNN \\\\ as in C)',
      ).conflicts('http'),
    )
    .option('--expect <text>', 'server: text that its response contains')
    .option('--greeting <text>', 'text that the server says first; in `check client`, tcplab says it')
    .option('--answer <text>', 'client: text that tcplab responds with')
    .option(
      '--tls [name]',
      "TLS on all connections; name: the server's (SNI, certificate), otherwise localhost",
    );
}

/** Throws USAGE for options that do not go together. */
export function talkOf(target: Target, { http, expectStatus, talk, ...texts }: TalkOptions): Talk {
  if (talk !== undefined) {
    const other = Object.entries({ http, expectStatus, ...texts }).find(
      ([name, value]) => TEXTS.has(name) && value !== undefined,
    );
    const ready = READY_TALKS[talk];
    if (!other && ready) return ready;
    throw new TcplabError('USAGE', `--talk ${talk} can't be used with --${other?.[0] ?? ''}`, {
      hint: '--talk says all that is spoken; leave it out to say it yourself',
    });
  }
  const greeting = bytesOf(texts.greeting);
  const request = bytesOf(texts.request);
  const expect = bytesOf(texts.expect);
  const answer = bytesOf(texts.answer);
  if (target === 'client') {
    if (http ?? expectStatus ?? request ?? expect) {
      throw new TcplabError(
        'USAGE',
        '--http, --expect-status, --request and --expect apply to `check server` only',
        { hint: 'remove them: in `check client`, tcplab answers whatever the client sends (HTTP with HTTP)' },
      );
    }
    return answer || greeting ? textTalk({ greeting, answer }) : AUTO;
  }
  if (answer) {
    throw new TcplabError('USAGE', '--answer applies to `check client` only', {
      hint: 'what the server should respond is --expect TEXT',
    });
  }
  if (expectStatus !== undefined && http === undefined) {
    throw new TcplabError('USAGE', '--expect-status requires --http', {
      hint: 'for example: --http /health --expect-status 401',
    });
  }
  if (http !== undefined) {
    if (!http.startsWith('/')) {
      throw new TcplabError('USAGE', `'${http}' is not a path`, { hint: 'for example: --http /' });
    }
    return httpTalk(http, 'tcplab', expectStatus === undefined ? isSuccess : statusTest(expectStatus));
  }
  if (request || greeting) return textTalk({ greeting, request, expect });
  if (expect === undefined) return AUTO;
  throw new TcplabError('USAGE', '--expect requires --request', {
    hint: "for example: --request 'PING\\r\\n' --expect PONG",
  });
}

export function tlsOf({ tls, talk, http }: TalkOptions): TlsOptions | undefined {
  if (tls === undefined && talk !== 'https') return undefined;
  const isHttp = http !== undefined || talk === 'http' || talk === 'https';
  return { name: typeof tls === 'string' ? tls : 'localhost', protocols: isHttp ? ['http/1.1'] : [] };
}

function bytesOf(text: string | undefined): Buffer | undefined {
  return text === undefined ? undefined : unescaped(text);
}

/** `404`, `4xx`, `401,403`: only these statuses. */
function statusTest(text: string): (status: number) => boolean {
  const words = text.split(',');
  if (!words.every((word) => /^[1-5](\d\d|xx)$/.test(word))) {
    throw new TcplabError('USAGE', `--expect-status: '${text}' is not an HTTP status`, {
      hint: 'expected a number from 100 to 599 or a class such as 4xx; several with commas: 200,404',
    });
  }
  return (status) =>
    words.some((word) => new RegExp(`^${word.replaceAll('x', '\\d')}$`).test(String(status)));
}

const TEXTS: ReadonlySet<string> = new Set(['http', 'request', 'expect', 'greeting', 'answer']);

const ESCAPES: Record<string, number> = { r: 13, n: 10, t: 9, '0': 0, '\\': 92 };

/** Escapes as in C, which a shell's quotes leave as they are; all else is UTF-8. */
function unescaped(text: string): Buffer {
  const pieces = text.split(/(\\x[0-9a-fA-F]{2}|\\[rnt0\\])/);
  return Buffer.concat(
    pieces.map((piece, index) => {
      if (index % 2 === 0) return Buffer.from(piece);
      return Buffer.of(ESCAPES[piece[1] ?? ''] ?? Number.parseInt(piece.slice(2), 16));
    }),
  );
}
