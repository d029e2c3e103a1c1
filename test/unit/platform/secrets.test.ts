import { expect, test } from "bun:test";
import { systemSecrets } from "../../../src/platform/secrets.ts";

test("hashes as RFC 4231 has it", () => {
  const key = new TextEncoder().encode("Jefe");
  const message = new TextEncoder().encode("what do ya want for nothing?");
  expect(Buffer.from(systemSecrets.hmacSha256(key, message)).toString("hex")).toBe(
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
});

test("compares and makes bytes", () => {
  const [a, b] = [systemSecrets.randomBytes(32), systemSecrets.randomBytes(32)];
  expect(a).toHaveLength(32);
  expect(systemSecrets.areEqual(a, a.slice())).toBe(true);
  expect(systemSecrets.areEqual(a, b)).toBe(false);
});
