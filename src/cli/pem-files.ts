/** Certificates and keys in files, as keys of the configuration name them. All throw INVALID_ARGUMENT for one that is no good. */
import { StorageError } from "../base/errors.ts";
import { checkCertificates, isKeyOf } from "../platform/certificates.ts";
import { readSecretFile } from "../platform/secret-files.ts";
import { readText } from "../platform/streams.ts";

const keyPem = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/;

/** All of a file's certificates, each whole: a file that is being written may end in the middle of one. */
export function readCertificates(setting: string, path: string): string {
  const text = readPem(setting, path, /-----BEGIN CERTIFICATE-----/);
  try {
    checkCertificates(text);
  } catch (cause) {
    const message = `${setting}: ${path} holds a certificate that cannot be parsed`;
    throw new StorageError("INVALID_ARGUMENT", message, { file: path, cause });
  }
  return text;
}

/** The private key of the certificate, which nobody else may be able to read. Both are named in `section`. */
export function readKeyOf(
  certificate: string,
  section: string,
  { cert_file, key_file }: { readonly cert_file: string; readonly key_file: string },
): string {
  const key = readPem(`${section}.key_file`, key_file, keyPem, readSecretFile);
  const files = `${section}.cert_file and ${section}.key_file (${cert_file} and ${key_file})`;
  let isPair: boolean;
  try {
    isPair = isKeyOf(key, certificate);
  } catch (cause) {
    throw new StorageError("INVALID_ARGUMENT", `${files} cannot be parsed`, { cause });
  }
  if (!isPair) throw new StorageError("INVALID_ARGUMENT", `${files} do not belong together`);
  return key;
}

function readPem(setting: string, path: string, kind: RegExp, readFile = readText): string {
  let text: string;
  try {
    text = readFile(path);
  } catch (cause) {
    const reason = cause instanceof StorageError ? cause.message : `cannot read ${path}`;
    throw new StorageError("INVALID_ARGUMENT", `${setting}: ${reason}`, { file: path, cause });
  }
  if (kind.test(text)) return text;
  throw new StorageError("INVALID_ARGUMENT", `${setting}: ${path} is no PEM file with what belongs there`);
}
