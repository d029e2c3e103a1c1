import { expect, test } from "bun:test";
import { parseAddress } from "../../../src/base/ip-address.ts";
import { forbiddenKind } from "../../../src/peers/forbidden-addresses.ts";

test.each([
  ["169.254.169.254", "a link-local address"],
  ["169.254.0.1", "a link-local address"],
  ["::ffff:169.254.169.254", "a link-local address"],
  ["::ffff:a9fe:a9fe", "a link-local address"],
  ["::169.254.169.254", "a link-local address"],
  ["::ffff:0:169.254.169.254", "a link-local address"],
  ["64:ff9b::169.254.169.254", "a link-local address"],
  ["2002:a9fe:a9fe::1", "a link-local address"],
  ["fe80::1", "a link-local address"],
  ["febf:ffff::1", "a link-local address"],
  ["0.0.0.0", "no machine's address"],
  ["0.1.2.3", "no machine's address"],
  ["::", "no machine's address"],
  ["::ffff:0.0.0.0", "no machine's address"],
  ["224.0.0.1", "a multicast address"],
  ["ff02::1", "a multicast address"],
  ["255.255.255.255", "no machine's address"],
  ["100.100.100.200", "a cloud's metadata service"],
  ["::ffff:100.100.100.200", "a cloud's metadata service"],
  ["168.63.129.16", "a cloud's metadata service"],
  ["192.0.0.192", "a cloud's metadata service"],
  ["fd00:ec2::254", "a cloud's metadata service"],
  ["fd20:ce::254", "a cloud's metadata service"],
  ["fd00:42::42", "a cloud's metadata service"],
])("%s is %s", (text, what) => {
  expect(forbiddenKind(parseAddress(text)!)).toBe(what);
});

test.each([
  "127.0.0.1",
  "::1",
  "::ffff:127.0.0.1",
  "10.0.0.5",
  "192.168.1.1",
  "169.253.255.255",
  "169.255.0.0",
  "100.100.100.201",
  "1.2.3.4",
  "fd00:ec2::255",
  "fec0::1",
  "fe7f::1",
  "2001:db8::1",
  "64:ff9b::10.0.0.1",
])("%s may be a peer's", (text) => {
  expect(forbiddenKind(parseAddress(text)!)).toBeUndefined();
});
