import { describe, expect, test } from "bun:test";
import type { StorageError } from "../../../src/base/errors.ts";
import type { PeerTarget } from "../../../src/migration/peer.ts";
import { TargetPolicy, type TargetPolicyOptions } from "../../../src/peers/target-policy.ts";

const hosts: Record<string, readonly string[]> = {
  "two.example": ["10.0.0.2"],
  "many.example": ["10.0.0.8", "10.0.0.2"],
  "elsewhere.example": ["10.9.9.9"],
  "poisoned.example": ["10.0.0.2", "169.254.169.254"],
  "mapped.example": ["::ffff:169.254.169.254"],
  "scoped.example": ["fe80::1%eth0"],
  "nothing.example": [],
  "self.example": ["10.0.0.1"],
  localhost: ["127.0.0.1", "::1"],
};

function policy(options: Partial<TargetPolicyOptions> = {}): TargetPolicy {
  return new TargetPolicy({
    nodeId: "self",
    own: () => ({ host: "10.0.0.1", port: 50_052 }),
    isOwnAddress: (address) => address === "10.0.0.1" || address === "127.0.0.1",
    configured: new Map([
      ["two", { host: "10.0.0.2", port: 7000 }],
      ["named", { host: "two.example", port: 7000 }],
      ["poisoned", { host: "poisoned.example", port: 7000 }],
      ["metadata", { host: "169.254.169.254", port: 80 }],
      ["alias", { host: "10.0.0.1", port: 50_052 }],
      ["neighbour", { host: "10.0.0.1", port: 50_053 }],
    ]),
    ring: (nodeId) =>
      ({ three: { host: "10.0.0.3", port: 50_055 }, go: { host: "10.0.0.4", port: undefined } })[nodeId],
    allowsAnyTarget: false,
    resolve: async (host) => {
      const found = hosts[host];
      if (found === undefined) throw new Error("ENOTFOUND");
      return found;
    },
    ...options,
  });
}

async function outcome(target: PeerTarget, options: Partial<TargetPolicyOptions> = {}): Promise<string> {
  return await policy(options)
    .locate(target)
    .then(
      ({ address, port, serverName }) => `${address} ${port} as ${serverName}`,
      ({ code, message }: StorageError) => `${code}: ${message}`,
    );
}

describe("a target that is known", () => {
  test.each<[string, PeerTarget, string]>([
    ["by the configuration", { nodeId: "two" }, "10.0.0.2 7000 as 10.0.0.2"],
    ["by a name there", { nodeId: "named" }, "10.0.0.2 7000 as two.example"],
    ["as a member of the ring", { nodeId: "three" }, "10.0.0.3 50055 as 10.0.0.3"],
    ["as a member that tells no port", { nodeId: "go" }, "10.0.0.4 50052 as 10.0.0.4"],
    ["as such, with a port", { nodeId: "go", host: "10.0.0.4", port: 6000 }, "10.0.0.4 6000 as 10.0.0.4"],
    ["and named where it is", { nodeId: "two", host: "10.0.0.2", port: 7000 }, "10.0.0.2 7000 as 10.0.0.2"],
    ["and named by a name", { nodeId: "two", host: "two.example" }, "10.0.0.2 7000 as two.example"],
    ["and one of a name's", { nodeId: "two", host: "many.example" }, "10.0.0.2 7000 as many.example"],
  ])("%s", async (_, target, place) => {
    expect(await outcome(target)).toBe(place);
  });

  test.each<[string, PeerTarget]>([
    ["at another address", { nodeId: "two", host: "10.9.9.9" }],
    ["at another port", { nodeId: "two", host: "10.0.0.2", port: 7001 }],
    ["at another host", { nodeId: "two", host: "elsewhere.example", port: 7000 }],
    ["elsewhere than in the ring", { nodeId: "three", host: "10.0.0.4", port: 50_055 }],
  ])("is refused %s, whatever is allowed", async (_, target) => {
    for (const allowsAnyTarget of [false, true]) {
      expect(await outcome(target, { allowsAnyTarget })).toMatch(/^PERMISSION_DENIED: .* is known at/);
    }
  });
});

describe("a target that is not known", () => {
  test("by an id alone is INVALID_ARGUMENT", async () => {
    const message =
      'INVALID_ARGUMENT: the node "nine" is not known: it is neither a member of the ring nor in cluster.peers';
    expect(await outcome({ nodeId: "nine" })).toBe(message);
    expect(await outcome({ nodeId: "nine" }, { allowsAnyTarget: true })).toBe(message);
  });

  test("is called only where any may be", async () => {
    const target = { nodeId: "nine", host: "elsewhere.example", port: 50_052 };
    expect(await outcome(target)).toMatch(/^PERMISSION_DENIED: .*cluster\.allow_any_target/);
    expect(await outcome(target, { allowsAnyTarget: true })).toBe("10.9.9.9 50052 as elsewhere.example");
  });
});

describe("an address that is forbidden", () => {
  const anywhere = (host: string, port = 80) => ({ nodeId: "nine", host, port });

  test.each([
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "fe80::1",
    "0.0.0.0",
    "poisoned.example",
    "mapped.example",
    "scoped.example",
  ])("%s is refused where any target is allowed", async (host) => {
    expect(await outcome(anywhere(host), { allowsAnyTarget: true })).toMatch(
      /^PERMISSION_DENIED: the target /,
    );
  });

  test("is refused where the configuration has it, by itself or among others", async () => {
    expect(await outcome({ nodeId: "metadata" })).toMatch(/^PERMISSION_DENIED: .*link-local/);
    expect(await outcome({ nodeId: "poisoned" })).toMatch(/^PERMISSION_DENIED: .*link-local/);
  });

  test("is refused where a member of the ring tells it", async () => {
    const ring = () => ({ host: "169.254.169.254", port: 80 });
    expect(await outcome({ nodeId: "nine" }, { ring })).toMatch(/^PERMISSION_DENIED: .*link-local/);
  });

  test("is refused where a name begins to mean it", async () => {
    const answers = [["10.9.9.9"], ["169.254.169.254"]];
    const rebinding = policy({ allowsAnyTarget: true, resolve: async () => answers.shift()! });
    const target = anywhere("rebinding.example");
    expect(await rebinding.locate(target)).toMatchObject({ address: "10.9.9.9" });
    expect(rebinding.locate(target)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });
});

describe("the node itself", () => {
  test.each<[string, PeerTarget]>([
    ["by its id", { nodeId: "self", host: "10.9.9.9", port: 1 }],
    ["by its address", { nodeId: "nine", host: "10.0.0.1", port: 50_052 }],
    ["by a name", { nodeId: "nine", host: "self.example", port: 50_052 }],
    ["as IPv6 has it", { nodeId: "nine", host: "::ffff:10.0.0.1", port: 50_052 }],
    ["in the configuration", { nodeId: "alias" }],
  ])("is refused %s", async (_, target) => {
    expect(await outcome(target, { allowsAnyTarget: true })).toMatch(
      /^INVALID_ARGUMENT: .* is this node itself$/,
    );
  });

  test("is at every address of its machine where it listens on all", async () => {
    const own = () => ({ host: "0.0.0.0", port: 50_052 });
    const target = { nodeId: "nine", host: "127.0.0.1", port: 50_052 };
    expect(await outcome(target, { allowsAnyTarget: true, own })).toMatch(/is this node itself$/);
    expect(await outcome(target, { allowsAnyTarget: true })).toBe("127.0.0.1 50052 as 127.0.0.1");
    const byName = () => ({ host: "localhost", port: 50_052 });
    expect(await outcome(target, { allowsAnyTarget: true, own: byName })).toMatch(/is this node itself$/);
  });

  test("is not its neighbour at another port", async () => {
    expect(await outcome({ nodeId: "neighbour" })).toBe("10.0.0.1 50053 as 10.0.0.1");
  });
});

test.each<[PeerTarget, string]>([
  [{ nodeId: "" }, "INVALID_ARGUMENT: the target's node id is empty"],
  [
    { nodeId: "two", host: "10.0.0.2", port: 0 },
    "INVALID_ARGUMENT: the target's port is 0; allowed is 1 to 65535",
  ],
  [{ nodeId: "two", port: 65_536 }, "INVALID_ARGUMENT: the target's port is 65536; allowed is 1 to 65535"],
  [{ nodeId: "two", host: "" }, 'UNAVAILABLE: cannot find the host "": ENOTFOUND'],
  [{ nodeId: "two", host: "nothing.example" }, 'UNAVAILABLE: the host "nothing.example" has no address'],
])("%j is %s", async (target, refusal) => {
  expect(await outcome(target)).toBe(refusal);
});
