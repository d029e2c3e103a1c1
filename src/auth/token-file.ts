/**
 * The file of a node's tokens: one JSON object a line, a line for each token. Lines that are empty or begin with `#` are
 * left alone.
 *
 *   {"id":"…","name":"shop","salt":"…","hash":"…","scopes":["read","write"],"tenants":["shop"],"expires":"2027-01-31T00:00:00Z"}
 *
 * `salt` (16 bytes) and `hash` (HMAC-SHA-256(salt, secret)) are in hexadecimal. Without `tenants` the token is good for
 * all of them, without `expires` for ever. Nothing in the file is the token itself.
 */
import { z } from "zod";
import { StorageError } from "../base/errors.ts";
import { allScopes, nodeScopes, type Scope } from "./identity.ts";
import { hashBytes, saltBytes } from "./token.ts";

export interface TokenRow {
  /** 16 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
  readonly scopes: readonly Scope[];
  /** Undefined: all. */
  readonly tenants: readonly string[] | undefined;
  /** Since the Unix epoch; undefined: never. */
  readonly expiresAtMs: number | undefined;
}

const hex = (byteCount: number) =>
  z
    .string()
    .regex(new RegExp(`^[0-9a-f]{${2 * byteCount}}$`), `must be ${2 * byteCount} hexadecimal digits`)
    .transform((text) => new Uint8Array(Buffer.from(text, "hex")));

const tenantLimit = `a token that is limited to tenants has none of the scopes ${nodeScopes.join(", ")}`;

const schema = z
  .strictObject({
    id: z.string().regex(/^[0-9a-f]{16}$/, "must be 16 hexadecimal digits"),
    name: z.string().min(1).max(128),
    salt: hex(saltBytes),
    hash: hex(hashBytes),
    scopes: z.array(z.enum(allScopes)).min(1),
    tenants: z.array(z.string().min(1).max(256)).min(1).optional(),
    expires: z.iso.datetime({ offset: true }).optional(),
  })
  .refine(({ scopes, tenants }) => tenants === undefined || mayBeLimited(scopes), tenantLimit);

/** Whether a credential with these scopes may be limited to tenants. Throws nothing. */
export function mayBeLimited(scopes: readonly Scope[]): boolean {
  return !scopes.some((scope) => nodeScopes.includes(scope));
}

/** Throws INVALID_ARGUMENT that names the line, and nothing that stands in it. */
export function parseTokenFile(text: string, path: string): TokenRow[] {
  const rows: TokenRow[] = [];
  const ids = new Set<string>();
  text.split("\n").forEach((line, index) => {
    if (line.trim() === "" || line.startsWith("#")) return;
    const problem = (what: string) =>
      new StorageError("INVALID_ARGUMENT", `${path}, line ${index + 1}: ${what}`, { file: path });
    const row = parseRow(line, problem);
    if (ids.has(row.id)) throw problem(`the id ${row.id} is there twice`);
    ids.add(row.id);
    rows.push(row);
  });
  return rows;
}

function parseRow(line: string, problem: (what: string) => StorageError): TokenRow {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw problem("no JSON object");
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw problem([issue?.path.join("."), issue?.message].filter(Boolean).join(": "));
  }
  const { expires, tenants, ...row } = parsed.data;
  return { ...row, tenants, expiresAtMs: expires === undefined ? undefined : Date.parse(expires) };
}

/** A line, without its end. */
export function formatTokenRow(row: TokenRow): string {
  const { salt, hash, tenants, expiresAtMs, ...plain } = row;
  return JSON.stringify({
    ...plain,
    salt: Buffer.from(salt).toString("hex"),
    hash: Buffer.from(hash).toString("hex"),
    ...(tenants === undefined ? {} : { tenants }),
    ...(expiresAtMs === undefined ? {} : { expires: new Date(expiresAtMs).toISOString() }),
  });
}
