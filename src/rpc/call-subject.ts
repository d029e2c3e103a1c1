/** What a call is about, as it may be told in a log: the hash of a key in place of the key, and never a value. */
import { keyHashText } from "../versions/key-hash.ts";

export interface CallSubject {
  readonly tenantId: string;
  /** By which the key lies on the ring, as 16 hexadecimal digits; undefined where the call is about no single key. */
  readonly keyHash: string | undefined;
  /** For lines at debug level alone. */
  readonly key: string | undefined;
}

/** Undefined for a request that names no tenant. */
export function subjectOf(request: object | undefined): CallSubject | undefined {
  const { tenantId, key } = (request ?? {}) as { tenantId?: unknown; key?: unknown };
  if (typeof tenantId !== "string") return undefined;
  if (typeof key !== "string") return { tenantId, keyHash: undefined, key: undefined };
  return { tenantId, keyHash: keyHashText(tenantId, key), key };
}
