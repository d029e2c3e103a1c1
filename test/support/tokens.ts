/** Tokens and the rows that a node keeps of them. */
import type { Scope } from "../../src/auth/identity.ts";
import { createToken, formatToken, hashToken, saltBytes } from "../../src/auth/token.ts";
import { formatTokenRow, type TokenRow } from "../../src/auth/token-file.ts";
import { systemSecrets } from "../../src/platform/secrets.ts";

export interface TestToken {
  /** As its holder has it. */
  readonly text: string;
  readonly row: TokenRow;
  /** The header's value. */
  readonly authorization: string;
}

export interface TestTokenOptions {
  readonly name?: string;
  readonly tenants?: readonly string[];
  readonly expiresAtMs?: number;
}

export function testToken(scopes: readonly Scope[], options: TestTokenOptions = {}): TestToken {
  const token = createToken(systemSecrets);
  const salt = systemSecrets.randomBytes(saltBytes);
  const row: TokenRow = {
    id: token.id,
    name: options.name ?? scopes.join("-"),
    salt,
    hash: hashToken(systemSecrets, salt, token.secret),
    scopes,
    tenants: options.tenants,
    expiresAtMs: options.expiresAtMs,
  };
  const text = formatToken(token);
  return { text, row, authorization: `Bearer ${text}` };
}

export function tokenFileText(tokens: readonly TestToken[]): string {
  return tokens.map(({ row }) => `${formatTokenRow(row)}\n`).join("");
}
