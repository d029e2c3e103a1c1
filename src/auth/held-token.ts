/** The token that this side shows to others, from the file that holds it alone. */
import { StorageError } from "../base/errors.ts";
import { readSecretFile } from "../platform/secret-files.ts";
import { bearerToken } from "./token.ts";

/** The value of the `authorization` header. Throws INVALID_ARGUMENT for a file that holds no token or cannot be used. */
export function readAuthorization(path: string): string {
  const authorization = `Bearer ${readSecretFile(path).trim()}`;
  if (bearerToken(authorization) !== undefined) return authorization;
  throw new StorageError("INVALID_ARGUMENT", `${path} holds no token; token create prints one`);
}
