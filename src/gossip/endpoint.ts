/** Where a member is reached, by UDP and TCP alike. */
export interface Endpoint {
  /** 4 bytes for IPv4, 16 for IPv6. Peers compare them byte by byte, so they are passed on as they came. */
  readonly address: Uint8Array;
  readonly port: number;
}

export function isAddress(bytes: Uint8Array): boolean {
  return bytes.length === 4 || bytes.length === 16;
}

export function isSameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && Buffer.compare(a.address, b.address) === 0;
}
