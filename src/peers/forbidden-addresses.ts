/**
 * Addresses that no peer ever has, whatever names them: link-local ones, below which clouds put the services that hand
 * out a machine's credentials, the other addresses of such services, and what is no address of one machine at all.
 * Addresses of IPv4 count in each of the forms in which IPv6 can carry them.
 */
import { compareBytes } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import { parseAddress } from "../base/ip-address.ts";

interface Block {
  readonly bytes: Uint8Array;
  readonly bits: number;
  readonly what: string;
}

const metadata = "a cloud's metadata service";

const blocks: readonly Block[] = [
  block("0.0.0.0/8", "no machine's address"),
  block("169.254.0.0/16", "a link-local address"),
  block("224.0.0.0/4", "a multicast address"),
  block("240.0.0.0/4", "no machine's address"),
  block("100.100.100.200/32", metadata),
  block("168.63.129.16/32", metadata),
  block("192.0.0.192/32", metadata),
  block("::/128", "no machine's address"),
  block("fe80::/10", "a link-local address"),
  block("ff00::/8", "a multicast address"),
  block("fd00:ec2::254/128", metadata),
  block("fd20:ce::254/128", metadata),
  block("fd00:42::42/128", metadata),
];

/** Prefixes of IPv6 with the place at which an address of IPv4 follows. */
const carriers: readonly (readonly [Block, number])[] = [
  [block("::ffff:0:0/96", "mapped"), 12],
  [block("::/96", "compatible"), 12],
  [block("::ffff:0:0:0/96", "translated"), 12],
  [block("64:ff9b::/96", "NAT64"), 12],
  [block("2002::/16", "6to4"), 2],
];

/** Has the form of one that carries an address of IPv4. */
const loopback = addressOf("::1");

/** What the address is that no peer may have; `undefined` for one that it may. */
export function forbiddenKind(address: Uint8Array): string | undefined {
  if (compareBytes(address, loopback) === 0) return undefined;
  const found = blocks.find((each) => includes(each, address));
  if (found !== undefined) return found.what;
  const [, start] = carriers.find(([carrier]) => includes(carrier, address)) ?? [];
  return start === undefined ? undefined : forbiddenKind(address.subarray(start, start + 4));
}

function block(text: string, what: string): Block {
  const [host = "", bits = ""] = text.split("/");
  return { bytes: addressOf(host), bits: Number(bits), what };
}

function addressOf(text: string): Uint8Array {
  const bytes = parseAddress(text);
  assert(bytes !== undefined, `${text} is an address`);
  return bytes;
}

function includes({ bytes, bits }: Block, address: Uint8Array): boolean {
  if (bytes.length !== address.length) return false;
  const wholeBytes = bits >> 3;
  for (let i = 0; i < wholeBytes; i++) if (address[i] !== bytes[i]) return false;
  const restBits = bits & 7;
  if (restBits === 0) return true;
  const mask = 0xff << (8 - restBits);
  return ((address[wholeBytes]! ^ bytes[wholeBytes]!) & mask & 0xff) === 0;
}
