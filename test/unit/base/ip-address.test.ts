import { expect, test } from "bun:test";
import { endpointText, hostOf, parseAddress } from "../../../src/base/ip-address.ts";

test.each([
  ["127.0.0.1", "7f000001", "127.0.0.1"],
  ["::1", "00000000000000000000000000000001", "0:0:0:0:0:0:0:1"],
  ["fd00::12:34", "fd000000000000000000000000120034", "fd00:0:0:0:0:0:12:34"],
  ["::ffff:10.1.2.3", "00000000000000000000ffff0a010203", "10.1.2.3"],
])("the address %p is %p", (text, hex, shown) => {
  const address = parseAddress(text);
  expect(address?.toHex()).toBe(hex);
  expect(hostOf(address!)).toBe(shown);
});

test.each(["localhost", "256.1.1.1", "1.2.3", "1::2::3", "1:2:3:4:5:6:7:8:9", "g::1", ":1", "1:2:3"])(
  "%p is no address",
  (text) => {
    expect(parseAddress(text)).toBeUndefined();
  },
);

test("ports are told apart from addresses", () => {
  expect(endpointText({ address: parseAddress("10.0.0.1")!, port: 7946 })).toBe("10.0.0.1:7946");
  expect(endpointText({ address: parseAddress("fd00::1")!, port: 7946 })).toBe("[fd00:0:0:0:0:0:0:1]:7946");
});
