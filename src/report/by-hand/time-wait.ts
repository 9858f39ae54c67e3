import type { ByHand } from './by-hand.ts';
import {
  connect,
  connectToShutDown,
  ctrlC,
  endWatch,
  liftRule,
  serve,
  setRule,
  stop,
  TO_SERVER,
  watch,
} from './steps.ts';

export const TIME_WAIT: Readonly<Record<string, ByHand>> = {
  'time-wait': {
    steps: [
      watch('server'),
      serve,
      connect,
      {
        on: 'client',
        terminal: 'nc',
        type: 'hello',
        see: { at: { 'server/nc': ['hello'] } },
        note: 'after data has arrived, the server may delay its ACKs by 40 ms',
      },
      ctrlC(
        'client',
        'nc',
        {
          client: ['TIME-WAIT'],
          server: [],
          at: {
            'server/tcpdump': [
              '192.168.2.10.…Flags [F.]',
              '192.168.2.11.80…Flags [F.]',
              '192.168.2.10.…Flags [.]',
            ],
          },
        },
        "the server's nc closes at once, and its FIN carries the ACK: three segments. If nc takes longer than 40 ms, on a " +
          'busy machine, the ACK is sent alone: four segments, and also TIME_WAIT. For three, repeat the recipe',
      ),
    ],
    cleanUp: [endWatch('server')],
  },
  'time-wait-four-segments': {
    steps: [
      watch('server'),
      serve,
      connect,
      stop('server', 'nc', 'stops nc, so its kernel acknowledges the FIN alone'),
      ctrlC('client', 'nc', {
        client: ['FIN-WAIT-2'],
        server: ['LISTEN', 'CLOSE-WAIT'],
        at: { 'server/tcpdump': ['192.168.2.10.…Flags [F.]', '192.168.2.11.80…Flags [.]'] },
      }),
      {
        on: 'server',
        terminal: 'nc',
        run: 'fg',
        see: {
          client: ['TIME-WAIT'],
          server: [],
          at: { 'server/tcpdump': ['192.168.2.11.80…Flags [F.]', '192.168.2.10.…Flags [.]'] },
        },
        note: 'nc reads the end of file, and closes',
      },
    ],
    cleanUp: [endWatch('server')],
  },
  'time-wait-both': {
    steps: [
      watch('server'),
      serve,
      connectToShutDown,
      setRule('server', 'in', TO_SERVER),
      {
        on: 'client',
        terminal: 'nc',
        press: 'Ctrl-D',
        see: { client: ['FIN-WAIT-1'], server: ['LISTEN', 'ESTABLISHED'] },
      },
      ctrlC('server', 'nc', { client: ['CLOSING'], server: ['FIN-WAIT-1'] }),
      {
        ...liftRule('server', 'in', TO_SERVER),
        see: { client: ['TIME-WAIT'], server: ['TIME-WAIT'] },
        note: "the retransmitted FIN also acknowledges the server's FIN",
      },
    ],
    cleanUp: [endWatch('server')],
  },
};
