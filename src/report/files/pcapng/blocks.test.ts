import { describe, expect, it } from 'vitest';
import { enhancedPacket, interfaceDescription, sectionHeader } from './blocks.ts';

const PACKET = {
  interface: 1,
  atNs: 0x0102030405060708n,
  bytes: Buffer.from('abcde'),
  length: 9,
  direction: 'inbound',
  comment: '',
} as const;

describe('a block of a pcapng file', () => {
  it('is a section header with what made it', () => {
    const block = sectionHeader({ comment: '', hardware: 'x64', os: 'Linux', application: 'tcplab' });
    expect(block.toString('hex')).toBe(
      [
        '0a0d0d0a 40000000 4d3c2b1a 01000000 ffffffffffffffff',
        '02000300 78363400 03000500 4c696e7578000000 04000600 7463706c61620000',
        '00000000 40000000',
      ]
        .join('')
        .replaceAll(' ', ''),
    );
  });

  it('describes an interface: LINKTYPE_RAW, its name, stamps of nanoseconds', () => {
    const block = interfaceDescription({ name: 'client', description: '' });
    expect(block.toString('hex')).toBe(
      '01000000 2c000000 65000000 00000000 02000600 636c69656e740000 09000100 09000000 00000000 2c000000'.replaceAll(
        ' ',
        '',
      ),
    );
  });

  it('carries a packet, its stamp in two halves, padded to 32 bits, with its direction', () => {
    expect(enhancedPacket(PACKET).toString('hex')).toBe(
      [
        '06000000 34000000 01000000 04030201 08070605 05000000 09000000',
        '6162636465000000 02000400 01000000 00000000 34000000',
      ]
        .join('')
        .replaceAll(' ', ''),
    );
    const outbound = enhancedPacket({ ...PACKET, direction: 'outbound' });
    expect(outbound.toString('hex')).toContain('0200040002000000');
  });

  it('carries as much of a comment as an option can hold, and no half character', () => {
    const block = enhancedPacket({ ...PACKET, comment: '→'.repeat(30_000) });
    const length = block.readUInt16LE(38);
    expect(length).toBe(0xffff - (0xffff % 3));
    expect(block.subarray(40, 40 + length).toString()).toBe('→'.repeat(length / 3));
    expect(block.readUInt32LE(4)).toBe(block.length);
    expect(block.readUInt32LE(block.length - 4)).toBe(block.length);
    expect(block.length % 4).toBe(0);
  });
});
