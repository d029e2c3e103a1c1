import { describe, expect, test } from "bun:test";
import { formatToken, parseToken } from "../../../src/auth/token.ts";
import { formatTokenRow, parseTokenFile } from "../../../src/auth/token-file.ts";
import { testToken, tokenFileText } from "../../support/tokens.ts";

const { row } = testToken(["read"], { name: "shop", tenants: ["a", "b"], expiresAtMs: 1_800_000_000_000 });
const line = JSON.parse(formatTokenRow(row)) as Record<string, unknown>;

function refusal(changed: Record<string, unknown>): () => void {
  const text = `# first\n${JSON.stringify({ ...line, ...changed })}\n`;
  return () => parseTokenFile(text, "tokens");
}

describe("token file", () => {
  test("gives back what was written, past comments and empty lines", () => {
    const text = `# tokens\n\n${formatTokenRow(row)}\n`;
    expect(parseTokenFile(text, "tokens")).toEqual([row]);
    expect(parseTokenFile("", "tokens")).toEqual([]);
  });

  test("holds nothing of the token", () => {
    const token = testToken(["read"]);
    const secret = token.text.split("_")[2] ?? "";
    expect(secret).toHaveLength(64);
    expect(tokenFileText([token])).not.toContain(secret);
  });

  test.each([
    [{ id: "0123" }, "tokens, line 2: id: must be 16 hexadecimal digits"],
    [{ salt: "00" }, "salt: must be 32 hexadecimal digits"],
    [{ hash: "zz".repeat(32) }, "hash: must be 64 hexadecimal digits"],
    [{ scopes: [] }, "scopes"],
    [{ scopes: ["everything"] }, "scopes.0"],
    [{ tenants: [] }, "tenants"],
    [{ expires: "tomorrow" }, "expires"],
    [{ secret: "x" }, "line 2"],
    [{ scopes: ["read", "admin"] }, "limited to tenants"],
    [{ scopes: ["cluster"] }, "limited to tenants"],
    [{ scopes: ["observe"] }, "limited to tenants"],
  ])("refuses %j by line", (changed, message) => {
    expect(refusal(changed)).toThrow(message);
  });

  test("refuses an id twice, and what is no JSON, without showing it", () => {
    const twice = `${formatTokenRow(row)}\n${formatTokenRow(row)}\n`;
    expect(() => parseTokenFile(twice, "tokens")).toThrow(`line 2: the id ${row.id} is there twice`);
    expect(() => parseTokenFile("pdb_secret", "tokens")).toThrow(/^tokens, line 1: no JSON object$/);
  });
});

test("a token's text is read back, and nothing else is taken for one", () => {
  const { text } = testToken(["read"]);
  expect(text).toMatch(/^pdb_[0-9a-f]{16}_[0-9a-f]{64}$/);
  expect(formatToken(parseToken(text)!)).toBe(text);
  for (const other of [
    "",
    "pdb_",
    text.slice(1),
    `${text}0`,
    text.toUpperCase(),
    ` ${text}`,
    text.slice(0, -1),
  ]) {
    expect(parseToken(other)).toBeUndefined();
  }
});
