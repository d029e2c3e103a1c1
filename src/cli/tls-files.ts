/** TLS as the configuration has it: the files that it names, as they are from moment to moment. */
import { StorageError } from "../base/errors.ts";
import type { Configuration } from "../config/resolve.ts";
import type { TlsMaterial } from "../http2/tls.ts";
import { certificateEndMs, checkCertificates, isKeyOf } from "../platform/certificates.ts";
import type { Clock } from "../platform/clock.ts";
import { readSecretFile } from "../platform/secret-files.ts";
import { readText } from "../platform/streams.ts";
import { TlsFiles } from "../server/tls-source.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";

/**
 * `undefined` where the ports speak cleartext. Throws INVALID_ARGUMENT for a file that cannot be read, or holds nothing
 * of its kind, for a key that others can read, and for one of another certificate.
 */
export function createTls(
  { tls }: Configuration,
  clock: Clock,
  logger: Logger,
  telemetry: Telemetry,
): TlsFiles | undefined {
  const { cert_file, key_file } = tls;
  if (cert_file === undefined || key_file === undefined) return undefined;
  const tell = ({ certificate }: TlsMaterial) => {
    const endMs = certificateEndMs(certificate);
    telemetry.certificateEnds(endMs);
    logger.info("certificate in force", { file: cert_file, ends: new Date(endMs).toISOString() });
  };
  const files = new TlsFiles({
    read: () => readTlsFiles({ ...tls, cert_file, key_file }),
    clock,
    changed: tell,
    refused: (reason) =>
      logger.error("the files of TLS cannot be used; what was read before stays in force", { reason }),
  });
  tell(files.current);
  return files;
}

type FileNames = Configuration["tls"] & { readonly cert_file: string; readonly key_file: string };

function readTlsFiles({ cert_file, key_file, client_ca_file, client_auth }: FileNames): TlsMaterial {
  const certificate = readCertificates("cert_file", cert_file);
  const key = readPem("key_file", key_file, keyPem, readSecretFile);
  checkPair(key, certificate, { cert_file, key_file });
  if (client_ca_file === undefined || client_auth === "none") return { certificate, key };
  const authority = readCertificates("client_ca_file", client_ca_file);
  return { certificate, key, clients: { authority, areRequired: client_auth === "require" } };
}

const keyPem = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/;

/** All of a file's certificates, each whole: a file that is being written may end in the middle of one. */
function readCertificates(name: string, path: string): string {
  const text = readPem(name, path, /-----BEGIN CERTIFICATE-----/);
  try {
    checkCertificates(text);
  } catch (cause) {
    const message = `tls.${name}: ${path} holds a certificate that cannot be parsed`;
    throw new StorageError("INVALID_ARGUMENT", message, { file: path, cause });
  }
  return text;
}

function readPem(name: string, path: string, kind: RegExp, readFile = readText): string {
  let text: string;
  try {
    text = readFile(path);
  } catch (cause) {
    const reason = cause instanceof StorageError ? cause.message : `cannot read ${path}`;
    throw new StorageError("INVALID_ARGUMENT", `tls.${name}: ${reason}`, { file: path, cause });
  }
  if (kind.test(text)) return text;
  throw new StorageError("INVALID_ARGUMENT", `tls.${name}: ${path} is no PEM file with what belongs there`);
}

function checkPair(
  key: string,
  certificate: string,
  { cert_file, key_file }: { readonly cert_file: string; readonly key_file: string },
): void {
  const files = `tls.cert_file and tls.key_file (${cert_file} and ${key_file})`;
  let isPair: boolean;
  try {
    isPair = isKeyOf(key, certificate);
  } catch (cause) {
    throw new StorageError("INVALID_ARGUMENT", `${files} cannot be parsed`, { cause });
  }
  if (!isPair) throw new StorageError("INVALID_ARGUMENT", `${files} do not belong together`);
}
