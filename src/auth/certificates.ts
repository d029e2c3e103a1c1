/**
 * From the names in a client's certificate to what its holder may do. The certificate itself was verified by TLS.
 *
 * A rule names `CN:…`, the common name, or one of the alternative names, `DNS:…` or `URI:…`, letter by letter. The first
 * rule that fits decides.
 */
import type { Identity, Scope } from "./identity.ts";

/** Names of a verified certificate. */
export interface PeerNames {
  readonly commonName: string | undefined;
  /** As in "DNS:a.example, URI:spiffe://b/c"; names with signs that could be taken for others' are in quotes. */
  readonly subjectAltName: string | undefined;
}

export interface CertificateRule {
  readonly certificate: string;
  readonly scopes: readonly Scope[];
  readonly tenants?: readonly string[] | undefined;
}

export class CertificateRules {
  readonly #rules: readonly (readonly [string, Identity])[];

  constructor(rules: readonly CertificateRule[]) {
    this.#rules = rules.map(({ certificate, scopes, tenants }) => [
      certificate,
      {
        name: certificate,
        kind: "certificate",
        scopes: new Set(scopes),
        tenants: tenants === undefined ? undefined : new Set(tenants),
      },
    ]);
  }

  /** `undefined` where no rule fits. */
  identify({ commonName, subjectAltName }: PeerNames): Identity | undefined {
    const alternatives = subjectAltName?.split(", ") ?? [];
    const fits = (certificate: string): boolean =>
      certificate.startsWith("CN:") ? certificate === `CN:${commonName}` : alternatives.includes(certificate);
    return this.#rules.find(([certificate]) => fits(certificate))?.[1];
  }
}
