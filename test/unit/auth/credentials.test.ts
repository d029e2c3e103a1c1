import { describe, expect, test } from "bun:test";
import type { ConnectionPeer, Credentials } from "../../../src/auth/authenticator.ts";
import { CertificateRules } from "../../../src/auth/certificates.ts";
import { CredentialAuthenticator } from "../../../src/auth/credentials.ts";
import { anonymousIdentity } from "../../../src/auth/identity.ts";
import { TokenTable } from "../../../src/auth/token-table.ts";
import { type Secrets, systemSecrets } from "../../../src/platform/secrets.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { type TestToken, testToken } from "../../support/tokens.ts";

const anonymous = anonymousIdentity([]);
const good = testToken(["read"], { name: "good" });
const other = testToken(["write"], { name: "other" });

/** An authenticator whose hashes and comparisons are counted. */
function counted(tokens: readonly TestToken[]) {
  const counts = { hashes: 0, comparisons: 0 };
  const secrets: Secrets = {
    ...systemSecrets,
    hmacSha256(key, message) {
      counts.hashes++;
      return systemSecrets.hmacSha256(key, message);
    },
    areEqual(a, b) {
      counts.comparisons++;
      return systemSecrets.areEqual(a, b);
    },
  };
  const clock = new ManualClock();
  const tableOf = (known: readonly TestToken[]) =>
    new TokenTable(
      known.map(({ row }) => row),
      secrets,
      clock,
    );
  let table = tableOf(tokens);
  const certificates = new CertificateRules([
    { certificate: "CN:node-2", scopes: ["cluster"] },
    { certificate: "DNS:shop.example", scopes: ["read"], tenants: ["shop"] },
  ]);
  const authenticator = new CredentialAuthenticator({ anonymous, tokens: () => table, certificates, clock });
  const replace = (known: readonly TestToken[]) => {
    table = tableOf(known);
  };
  return { authenticator, counts, clock, replace };
}

function peer(certificate?: ConnectionPeer["certificate"]): ConnectionPeer {
  return { address: "192.0.2.1", certificate };
}

/** What a caller shows who sends this header, or none. */
function shown(authorization: string | null, from: ConnectionPeer | undefined): Credentials {
  return { header: (name) => (name === "authorization" ? authorization : null), peer: from };
}

/** The same id with another secret. */
function forged({ text }: TestToken): string {
  return `Bearer ${text.slice(0, 21)}${"0".repeat(64)}`;
}

describe("tokens", () => {
  test.each([
    ["known", good.authorization],
    ["known, with a wrong secret", forged(good)],
    ["unknown", other.authorization],
    ["malformed", "Bearer pdb_x"],
    ["of another scheme", `Basic ${good.text}`],
    ["empty", ""],
  ])("%s: one hash and one comparison", (_, authorization) => {
    const { authenticator, counts } = counted([good]);
    authenticator.identify(shown(authorization, undefined));
    expect(counts).toEqual({ hashes: 1, comparisons: 1 });
  });

  test.each([
    [forged(good), "bad_token"],
    [other.authorization, "bad_token"],
    ["Bearer pdb_x", "malformed_token"],
    [`Bearer ${good.text}, Bearer ${good.text}`, "malformed_token"],
    [`Bearer ${good.text.toUpperCase()}`, "malformed_token"],
    ["", "malformed_token"],
    [`Bearer ${good.text}${"0".repeat(400)}`, "oversized_credentials"],
  ])("%s is a %s", (authorization, problem) => {
    expect(counted([good]).authenticator.identify(shown(authorization, peer()))).toBe(problem as never);
  });

  test("the scheme is written in any case", () => {
    const { authenticator } = counted([good]);
    expect(authenticator.identify(shown(`bearer  ${good.text}`, peer()))).toMatchObject({ name: "good" });
  });

  test("expire, also those that their connection remembers", () => {
    const expiring = testToken(["read"], { expiresAtMs: new ManualClock().nowMs() + 1000 });
    const { authenticator, clock } = counted([expiring]);
    const connection = peer();
    expect(authenticator.identify(shown(expiring.authorization, connection))).toMatchObject({
      kind: "token",
    });
    clock.advance(999);
    expect(authenticator.identify(shown(expiring.authorization, connection))).toMatchObject({
      kind: "token",
    });
    clock.advance(1);
    expect(authenticator.identify(shown(expiring.authorization, connection))).toBe("expired_token");
  });
});

describe("a connection", () => {
  test("remembers what was right on it, and nobody else's", () => {
    const { authenticator, counts } = counted([good, other]);
    const [mine, yours] = [peer(), peer()];
    const identity = authenticator.identify(shown(good.authorization, mine));
    expect(authenticator.identify(shown(good.authorization, mine))).toBe(identity);
    expect(counts.hashes).toBe(1);
    authenticator.identify(shown(good.authorization, yours));
    expect(counts.hashes).toBe(2);
    expect(authenticator.identify(shown(other.authorization, mine))).toMatchObject({ name: "other" });
    expect(authenticator.identify(shown(null, mine))).toBe(anonymous);
  });

  test("does not remember what was wrong", () => {
    const { authenticator, counts } = counted([good]);
    const connection = peer();
    authenticator.identify(shown(forged(good), connection));
    authenticator.identify(shown(forged(good), connection));
    expect(counts.hashes).toBe(2);
  });

  test("forgets when the tokens change", () => {
    const { authenticator, replace } = counted([good]);
    const connection = peer();
    expect(authenticator.identify(shown(good.authorization, connection))).toMatchObject({ name: "good" });
    replace([]);
    expect(authenticator.identify(shown(good.authorization, connection))).toBe("bad_token");
  });
});

describe("certificates", () => {
  const { authenticator } = counted([good]);
  const identify = (commonName?: string, subjectAltName?: string) =>
    authenticator.identify(shown(null, peer({ commonName, subjectAltName })));

  test("are known by their common name or an alternative one", () => {
    expect(identify("node-2")).toMatchObject({ kind: "certificate", name: "CN:node-2" });
    expect(identify("x", "IP Address:127.0.0.1, DNS:shop.example")).toMatchObject({
      name: "DNS:shop.example",
    });
  });

  test.each([
    ["node-3", undefined],
    ["DNS:shop.example", undefined],
    [undefined, "DNS:a.shop.example"],
    [undefined, "DNS:shop.example.org"],
    [undefined, 'URI:"x\\u002c DNS:shop.example"'],
    [undefined, "CN:node-2"],
  ])("%p, %p is nobody's", (commonName, subjectAltName) => {
    expect(identify(commonName, subjectAltName)).toBe(anonymous);
  });

  test("give way to a token, also to a bad one", () => {
    const connection = peer({ commonName: "node-2", subjectAltName: undefined });
    expect(authenticator.identify(shown(good.authorization, connection))).toMatchObject({ name: "good" });
    expect(authenticator.identify(shown(other.authorization, connection))).toBe("bad_token");
    expect(authenticator.identify(shown(null, connection))).toMatchObject({ name: "CN:node-2" });
  });
});
