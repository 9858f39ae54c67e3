import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressBytes, addressText, formatEndpoint, sameEndpoint } from './endpoint.ts';

describe('an endpoint', () => {
  it('of IPv4 is written with a colon', () => {
    expect(formatEndpoint({ address: '192.168.2.10', port: 80 })).toBe('192.168.2.10:80');
  });

  it('of IPv6 has its address in brackets', () => {
    expect(formatEndpoint({ address: 'fd00:2::10', port: 80 })).toBe('[fd00:2::10]:80');
  });

  it('is another one if its port or its address differs', () => {
    const end = { address: '192.168.2.10', port: 80 };
    expect(sameEndpoint(end, { ...end })).toBe(true);
    expect(sameEndpoint(end, { ...end, port: 81 })).toBe(false);
    expect(sameEndpoint(end, { ...end, address: '192.168.2.11' })).toBe(false);
  });
});

describe('an address', () => {
  it.each([
    ['192.168.2.10', 'c0a8020a'],
    ['0.0.0.0', '00000000'],
    ['255.255.255.255', 'ffffffff'],
    ['fd00:2::10', 'fd000002000000000000000000000010'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['fe80::', 'fe800000000000000000000000000000'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    // RFC 5952, 4.2.2: one zero is not shortened; 4.2.3: the longer run is, and of equal ones the first.
    ['1:2:0:4:5:6:7:8', '00010002000000040005000600070008'],
    ['1:0:0:4::8', '00010000000000040000000000000008'],
    ['1::4:0:0:7:8', '00010000000000040000000000070008'],
  ])('%s has the bytes %s, and these are written like that', (text, hex) => {
    expect(Buffer.from(addressBytes(text)).toString('hex')).toBe(hex);
    expect(addressText(Buffer.from(hex, 'hex'))).toBe(text);
  });

  it('of IPv4 inside IPv6 is written as IPv4', () => {
    expect(addressText(Buffer.from('00000000000000000000ffffc0a8020a', 'hex'))).toBe('192.168.2.10');
  });

  it('of IPv4 comes back from its bytes', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(addressText(addressBytes(address))).toBe(address);
      }),
    );
  });

  it('of IPv6 is written as the URL standard writes it, and comes back from its bytes', () => {
    // Mostly zeros, so that there is something to shorten.
    const word = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
    const words = fc
      .array(word, { minLength: 8, maxLength: 8 })
      .filter((words) => !/^0,0,0,0,0,65535,/.test(words.join()));
    fc.assert(
      fc.property(words, (words) => {
        const bytes = Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
        const long = words.map((word) => word.toString(16)).join(':');
        const text = addressText(bytes);
        expect(`[${text}]`).toBe(new URL(`http://[${long}]`).hostname);
        expect(addressBytes(text)).toEqual(bytes);
      }),
    );
  });

  it('is read where it lies, in the middle of a packet', () => {
    const packet = Buffer.from('ffffc0a8020affff', 'hex');
    expect(addressText(packet.subarray(2, 6))).toBe('192.168.2.10');
    const longer = Buffer.concat([Buffer.from('ffff', 'hex'), addressBytes('fd00:2::10')]);
    expect(addressText(longer.subarray(2))).toBe('fd00:2::10');
  });
});
