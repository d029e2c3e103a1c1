/** Reads the files that the configuration names for TLS. */
import { StorageError } from "../base/errors.ts";
import type { Configuration } from "../config/resolve.ts";
import type { TlsMaterial } from "../http2/tls.ts";

/**
 * Throws INVALID_ARGUMENT for a file that cannot be read, or holds nothing of its kind, and for a key that others can
 * read.
 */
export function readTlsFiles(
  { cert_file, key_file, client_ca_file }: Configuration["tls"],
  readText: (path: string) => string,
  readSecret: (path: string) => string,
): TlsMaterial | undefined {
  if (cert_file === undefined || key_file === undefined) return undefined;
  const read = (key: string, path: string, kind: RegExp, readFile = readText): string => {
    let text: string;
    try {
      text = readFile(path);
    } catch (cause) {
      const reason = cause instanceof StorageError ? cause.message : `cannot read ${path}`;
      throw new StorageError("INVALID_ARGUMENT", `tls.${key}: ${reason}`, { file: path, cause });
    }
    if (kind.test(text)) return text;
    throw new StorageError("INVALID_ARGUMENT", `tls.${key}: ${path} is no PEM file with what belongs there`);
  };
  const certificate = /-----BEGIN CERTIFICATE-----/;
  return {
    certificate: read("cert_file", cert_file, certificate),
    key: read("key_file", key_file, /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/, readSecret),
    ...(client_ca_file === undefined
      ? {}
      : { clientAuthority: read("client_ca_file", client_ca_file, certificate) }),
  };
}
