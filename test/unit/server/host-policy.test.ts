import { describe, expect, test } from "bun:test";
import { type HostPolicyOptions, hostPolicy } from "../../../src/server/host-policy.ts";

function policy(options: Partial<HostPolicyOptions> = {}) {
  return hostPolicy({ listenHosts: ["127.0.0.1"], nodeId: "node-1", allowedHosts: [], ...options });
}

describe("a node on loopback", () => {
  test.each([
    "127.0.0.1",
    "127.0.0.1:9091",
    "localhost",
    "localhost:9091",
    "LocalHost",
    "localhost.",
    "node-1:80",
    "NODE-1",
  ])("answers to %s", (host) => expect(policy()(host)).toBe(true));

  test.each([
    "evil.example",
    "evil.example:9091",
    "localhost.evil.example",
    "evil-localhost",
    "127.0.0.1.evil.example",
    "10.0.0.7",
    "127.0.0.2",
    "0.0.0.0",
    "[::1]",
    "",
    ":9091",
    "127.0.0.1:9091:1",
    "a@127.0.0.1",
    "127.0.0.1/x",
    "127.0.0.1 evil.example",
    "[127.0.0.1",
    "*",
  ])("does not answer to %p", (host) => expect(policy()(host)).toBe(false));
});

test("names are added, each as a whole", () => {
  const isAllowed = policy({ allowedHosts: ["db.example"] });
  expect(["db.example", "DB.example:443", "a.db.example", "b.example"].map(isAllowed)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test("* lets in every name, and no further address", () => {
  const isAllowed = policy({ allowedHosts: ["*"] });
  expect(["any.example", "127.0.0.1", "10.0.0.7", ""].map(isAllowed)).toEqual([true, true, false, false]);
});

test.each(["0.0.0.0", "::"])("a node on %s answers to any address, and to no stranger's name", (host) => {
  const isAllowed = policy({ listenHosts: [host] });
  expect(["10.0.0.7:9091", "[2001:db8::7]", "evil.example"].map(isAllowed)).toEqual([true, true, false]);
});

test("IPv6 addresses are the same in every form", () => {
  const isAllowed = policy({ listenHosts: ["2001:db8::7"] });
  expect(isAllowed("[2001:0db8:0:0::7]:9091")).toBe(true);
  expect(isAllowed("[2001:db8::8]")).toBe(false);
});

test("a node on localhost answers to both loopback addresses, one on a name to that name", () => {
  expect(["127.0.0.1", "[::1]:80"].map(policy({ listenHosts: ["localhost"] }))).toEqual([true, true]);
  expect(policy({ listenHosts: ["db-7.internal"] })("db-7.internal:9091")).toBe(true);
});
