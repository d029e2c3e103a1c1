/** IP addresses as bytes, 4 or 16 of them, and as text. */

/** The address as text that can be dialled; IPv4 within IPv6 as IPv4. */
export function hostOf(address: Uint8Array): string {
  if (address.length === 4) return address.join(".");
  const isMapped =
    address.subarray(0, 10).every((byte) => byte === 0) && address[10] === 0xff && address[11] === 0xff;
  if (isMapped) return address.subarray(12).join(".");
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((address[2 * i]! << 8) | address[2 * i + 1]!).toString(16),
  );
  return groups.join(":");
}

/** `host:port`, or `[host]:port` for IPv6. */
export function endpointText({
  address,
  port,
}: {
  readonly address: Uint8Array;
  readonly port: number;
}): string {
  return address.length === 4 ? `${hostOf(address)}:${port}` : `[${hostOf(address)}]:${port}`;
}

/** The bytes of an address in text; `undefined` for a name and for anything else. */
export function parseAddress(host: string): Uint8Array | undefined {
  const quads = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host)?.slice(1).map(Number);
  if (quads !== undefined) return quads.every((quad) => quad < 256) ? Uint8Array.from(quads) : undefined;
  return host.includes(":") ? parseIpv6(host) : undefined;
}

/** Groups of hexadecimal digits, with `::` for zeros once, and perhaps IPv4 at the end. */
function parseIpv6(host: string): Uint8Array | undefined {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(host);
  if (dotted !== null) {
    const tail = parseAddress(dotted[2]!)?.toHex();
    return tail === undefined ? undefined : parseIpv6(`${dotted[1]}${tail.slice(0, 4)}:${tail.slice(4)}`);
  }
  const [head = "", tail, ...more] = host.split("::");
  const groupsOf = (part: string) => (part === "" ? [] : part.split(":"));
  const left = groupsOf(head);
  const right = groupsOf(tail ?? "");
  const zeroCount = 8 - left.length - right.length;
  if (more.length > 0 || (tail === undefined ? zeroCount !== 0 : zeroCount < 1)) return undefined;
  const groups = [...left, ...Array<string>(zeroCount).fill("0"), ...right];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return Uint8Array.from(
    groups.map((group) => Number.parseInt(group, 16)).flatMap((n) => [n >> 8, n & 0xff]),
  );
}
