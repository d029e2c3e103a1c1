/** TLS as the configuration has it: the files that it names, as they are from moment to moment. */
import type { Configuration } from "../config/resolve.ts";
import type { TlsMaterial } from "../http2/tls.ts";
import { certificateEndMs } from "../platform/certificates.ts";
import type { Clock } from "../platform/clock.ts";
import { fileFingerprint } from "../platform/secret-files.ts";
import { TlsFiles } from "../server/tls-source.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { readCertificates, readKeyOf } from "./pem-files.ts";

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
  const paths = [cert_file, key_file, tls.client_ca_file].filter((path) => path !== undefined);
  const files = new TlsFiles({
    read: () => readTlsFiles({ ...tls, cert_file, key_file }),
    fingerprint: () => paths.map(fileFingerprint).join(" "),
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
  const certificate = readCertificates("tls.cert_file", cert_file);
  const key = readKeyOf(certificate, "tls", { cert_file, key_file });
  if (client_ca_file === undefined || client_auth === "none") return { certificate, key };
  const authority = readCertificates("tls.client_ca_file", client_ca_file);
  return { certificate, key, clients: { authority, areRequired: client_auth === "require" } };
}
