/** What the machine's own cryptography says of certificates and keys. */
import { createPrivateKey, X509Certificate } from "node:crypto";

/** The end of a certificate's validity, in milliseconds since the Unix epoch; of a chain, of its first. */
export function certificateEndMs(certificate: string): number {
  return Date.parse(new X509Certificate(certificate).validTo);
}

/** Throws where one of the certificates of a text (PEM) is malformed, or there is none. */
export function checkCertificates(text: string): void {
  const blocks = text.split(/(?=-----BEGIN CERTIFICATE-----)/).filter((part) => part.includes("-----BEGIN "));
  if (blocks.length === 0) throw new Error("there is no certificate");
  for (const block of blocks) new X509Certificate(block);
}

/** Whether the key (PEM) belongs to the certificate (PEM; of a chain, to its first). Throws where one is malformed. */
export function isKeyOf(key: string, certificate: string): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}
