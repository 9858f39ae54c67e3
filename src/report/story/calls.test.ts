import { describe, expect, it } from 'vitest';
import { called, rows } from '../../../test/drawn.ts';

describe('calls', () => {
  it('stand at their host with what they gave', () => {
    expect(
      rows(
        called(1, 'server', 'setsockopt', 'SO_RCVBUF 4096'),
        called(2, 'client', 'send', '16384 octets', '15016'),
        called(3, 'client', 'shutdown', 'SHUT_WR'),
        called(4, 'server', 'connect', '192.168.2.10:1', 'EISCONN'),
        called(5, 'client', 'close', 'after SO_LINGER 0'),
      ),
    ).toBe(`
      0                  ┊                                    ┊ setsockopt()
                         ┊                                    ┊ SO_RCVBUF 4096
1.00 ms      send(16384) ┊                                    ┊
                 = 15016 ┊                                    ┊
2.00 ms     shutdown(WR) ┊                                    ┊
3.00 ms                  ┊                                    ┊ connect()
                         ┊                                    ┊ = EISCONN
4.00 ms          close() ┊                                    ┊
             SO_LINGER 0 ┊                                    ┊
`);
  });

  it('that follow each other are joined: the same again as a number', () => {
    const again = (atMs: number) => called(atMs, 'client', 'send', '9 octets', '0');
    expect(
      rows(called(1, 'client', 'bind'), called(1.1, 'client', 'connect'), again(2), again(3), again(4)),
    ).toBe(`
      0 bind() connect() ┊                                    ┊
1.00 ms   send(9) = 0 ×3 ┊                                    ┊
`);
  });

  it('of two sockets are not joined', () => {
    expect(rows(called(1, 'client', 'bind'), called(1.1, 'client', 'close', '', 'ok', 2))).toBe(`
      0           bind() ┊                                    ┊
 100 µs          close() ┊                                    ┊
`);
  });
});
