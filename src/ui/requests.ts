import { isObject, nullable, object, oneOf, type Shape, tagged, text, whole } from '../evidence/shape.ts';
import { FATES } from '../lab/fate.ts';
import { STATES } from '../tcp/state.ts';
import type { ActRequest, CreateRequest, SocketAct } from './model.ts';
import { Refusal } from './refusal.ts';

/** What the page may ask for, in which form. Anything else is refused before it gets near a lab. */

const host = oneOf('client', 'server');
const socket = whole(1);
/** Without control characters: it is put on the timeline, and shown. */
const endpoint = text(/^[0-9a-f.:[\]*]{1,64}$/, 'an address and a port');

const onSocket = <A extends SocketAct>(act: A) => object({ act: oneOf(act), host, socket });

const replaces = nullable(text(/^[\w-]{1,64}$/, 'the id of a lab'));
const BY_STATE = object({ state: oneOf(...STATES), replaces });
const BY_SCENARIO = object({ scenario: text(/^[a-z0-9-]{1,64}$/, 'the id of a scenario'), replaces });

const ACT: Shape<ActRequest> = tagged('act', {
  close: onSocket('close'),
  shutdown: onSocket('shutdown'),
  reset: onSocket('reset'),
  receive: onSocket('receive'),
  accept: onSocket('accept'),
  send: object({ act: oneOf('send'), host, socket, octets: whole(1, 1_000_000) }),
  connect: object({ act: oneOf('connect'), host: oneOf('client') }),
  listen: object({ act: oneOf('listen'), host: oneOf('server') }),
  'set-rule': object({
    act: oneOf('set-rule'),
    host,
    hook: oneOf('in', 'out'),
    flags: text(/^(?!.*(.).*\1)[FSRP.U]{0,6}$/, "tcpdump's letters for flags, each once"),
    fate: oneOf(...FATES),
  }),
  'lift-rule': object({ act: oneOf('lift-rule'), host, rule: whole(1) }),
  destroy: object({ act: oneOf('destroy'), host, local: endpoint, remote: endpoint }),
  show: object({ act: oneOf('show'), connection: whole(1) }),
  run: object({
    act: oneOf('run'),
    host,
    command: text(/^[^\0]{1,4096}$/, 'a command of at most 4096 characters'),
  }),
});

export function parseCreate(value: unknown): CreateRequest {
  const isByScenario = isObject(value) && 'scenario' in value;
  return isByScenario ? taken(BY_SCENARIO, value) : taken(BY_STATE, value);
}

export function parseAct(value: unknown): ActRequest {
  return taken(ACT, value);
}

function taken<T>(shape: Shape<T>, value: unknown): T {
  const flaw = shape.flawOf(value, '');
  if (flaw !== undefined) throw new Refusal(400, flaw);
  return value as T;
}
