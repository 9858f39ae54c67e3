import { addressBytes, addressText, type Endpoint } from '../tcp/endpoint.ts';

// include/linux/socket.h
export const AF_INET = 2;
export const AF_INET6 = 10;

/** struct sockaddr_in (16 bytes) and sockaddr_in6 (28 bytes), both aligned to 4. */
const [PORT, V4_ADDRESS, V6_ADDRESS] = [2, 4, 8];
const [V4_BYTES, V6_BYTES] = [16, 28];

/** Space for an address of either family. */
export const SOCKET_ADDRESS_BYTES: number = V6_BYTES;

export function socketAddress({ address, port }: Endpoint): Buffer {
  const bytes = addressBytes(address);
  const isV6 = bytes.length === 16;
  const result = Buffer.alloc(isV6 ? V6_BYTES : V4_BYTES);
  result.writeUInt16LE(isV6 ? AF_INET6 : AF_INET, 0);
  result.writeUInt16BE(port, PORT);
  result.set(bytes, isV6 ? V6_ADDRESS : V4_ADDRESS);
  return result;
}

/** The endpoint of a socket address, which may be followed by more; of IPv4 unless it says IPv6. */
export function endpointOfSocketAddress(address: Buffer): Endpoint {
  const isV6 = address.readUInt16LE(0) === AF_INET6;
  const bytes = isV6
    ? address.subarray(V6_ADDRESS, V6_ADDRESS + 16)
    : address.subarray(V4_ADDRESS, V4_ADDRESS + 4);
  return { address: addressText(bytes), port: address.readUInt16BE(PORT) };
}
