/** What a command shows of itself to a node, and how it checks the node: from its flags to a connection's settings. */
import { readAuthorization } from "../auth/held-token.ts";
import { messageOf, StorageError } from "../base/errors.ts";
import { readSecretFile } from "../platform/secret-files.ts";
import { readText } from "../platform/streams.ts";
import type { CommandContext } from "./context.ts";

export interface CredentialOptions {
  readonly tokenFile?: string;
  readonly tls?: true;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

export interface ClientCredentials {
  /** The header's value. */
  readonly authorization: string | undefined;
  /** PEM; undefined: cleartext. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined;
}

/** Throws INVALID_ARGUMENT where a file cannot be used, or flags do not go together. */
export function readCredentials(context: CommandContext, options: CredentialOptions): ClientCredentials {
  const tokenFile = options.tokenFile ?? (context.environment.variables["PAIRDB_TOKEN_FILE"] || undefined);
  return {
    authorization: tokenFile === undefined ? undefined : readAuthorization(tokenFile),
    tls: tlsOf(options),
  };
}

function tlsOf({ tls, caFile, certFile, keyFile }: CredentialOptions): ClientCredentials["tls"] {
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new StorageError(
      "INVALID_ARGUMENT",
      "--cert-file and --key-file go together; one of them is missing",
    );
  }
  if (tls === undefined && caFile === undefined && certFile === undefined) return undefined;
  return {
    ...(caFile === undefined ? {} : { ca: publicFile(caFile) }),
    ...(certFile === undefined ? {} : { cert: publicFile(certFile) }),
    ...(keyFile === undefined ? {} : { key: readSecretFile(keyFile) }),
  };
}

function publicFile(path: string): string {
  try {
    return readText(path);
  } catch (cause) {
    throw new StorageError("INVALID_ARGUMENT", `cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
}
