import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseState, STATES, type State, stateOfLinux } from './state.ts';

describe('the states', () => {
  it('are the eleven of RFC 9293, each once', () => {
    expect([...STATES].sort()).toEqual([
      'CLOSE-WAIT',
      'CLOSED',
      'CLOSING',
      'ESTABLISHED',
      'FIN-WAIT-1',
      'FIN-WAIT-2',
      'LAST-ACK',
      'LISTEN',
      'SYN-RECEIVED',
      'SYN-SENT',
      'TIME-WAIT',
    ]);
  });
});

describe('a number of the Linux kernel', () => {
  // enum in include/net/tcp_states.h
  it.each<[number, string, State]>([
    [1, 'TCP_ESTABLISHED', 'ESTABLISHED'],
    [2, 'TCP_SYN_SENT', 'SYN-SENT'],
    [3, 'TCP_SYN_RECV', 'SYN-RECEIVED'],
    [4, 'TCP_FIN_WAIT1', 'FIN-WAIT-1'],
    [5, 'TCP_FIN_WAIT2', 'FIN-WAIT-2'],
    [6, 'TCP_TIME_WAIT', 'TIME-WAIT'],
    [7, 'TCP_CLOSE', 'CLOSED'],
    [8, 'TCP_CLOSE_WAIT', 'CLOSE-WAIT'],
    [9, 'TCP_LAST_ACK', 'LAST-ACK'],
    [10, 'TCP_LISTEN', 'LISTEN'],
    [11, 'TCP_CLOSING', 'CLOSING'],
    [12, 'TCP_NEW_SYN_RECV', 'SYN-RECEIVED'],
    [13, 'TCP_BOUND_INACTIVE', 'CLOSED'],
  ])('%i (%s) is %s', (number, _name, state) => {
    expect(stateOfLinux(number)).toBe(state);
  });

  it.each([0, 14, -1, 255])('%i is unknown, and said to be', (number) => {
    expect(() => stateOfLinux(number)).toThrow(new RegExp(`TCP state ${number},`));
  });
});

describe('a spelling of a state', () => {
  it.each<[string, State]>([
    // netstat
    ['SYN_RECV', 'SYN-RECEIVED'],
    ['FIN_WAIT1', 'FIN-WAIT-1'],
    ['FIN_WAIT2', 'FIN-WAIT-2'],
    ['TIME_WAIT', 'TIME-WAIT'],
    ['CLOSE', 'CLOSED'],
    // ss
    ['ESTAB', 'ESTABLISHED'],
    ['SYN-RECV', 'SYN-RECEIVED'],
    ['UNCONN', 'CLOSED'],
    // BSD
    ['SYN_RCVD', 'SYN-RECEIVED'],
    ['SYN_RECEIVED', 'SYN-RECEIVED'],
    ['FIN_WAIT_1', 'FIN-WAIT-1'],
    // people
    ['finwait1', 'FIN-WAIT-1'],
    ['fin-wait-1', 'FIN-WAIT-1'],
    ['established', 'ESTABLISHED'],
    ['Last Ack', 'LAST-ACK'],
  ])('%s means %s', (text, state) => {
    expect(parseState(text)).toBe(state);
  });

  it('may have any case, and any punctuation between its parts', () => {
    const separator = fc.constantFrom('', '-', '_', ' ', '.');
    const spelling = fc
      .record({ state: fc.constantFrom(...STATES), separator, upper: fc.array(fc.boolean()) })
      .map(({ state, separator, upper }) => ({
        state,
        text: [...state.replaceAll('-', separator)]
          .map((letter, index) => (upper[index] ? letter.toUpperCase() : letter.toLowerCase()))
          .join(''),
      }));
    fc.assert(fc.property(spelling, ({ state, text }) => parseState(text) === state));
  });

  it.each(['', '-', 'FIN', 'WAIT', 'FIN-WAIT', 'FIN-WAIT-3', 'ESTABLISHED2', 'closedd', 'constructor'])(
    '%j means no state',
    (text) => {
      expect(parseState(text)).toBeUndefined();
    },
  );
});
