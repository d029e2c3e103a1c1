/** The value of `auth.certificates`. */
import { z } from "zod";
import type { CertificateRule } from "../auth/certificates.ts";
import { allScopes } from "../auth/identity.ts";
import { mayBeLimited } from "../auth/token-file.ts";
import { kind } from "./values.ts";

const rules = z.array(
  z
    .strictObject({
      certificate: z.string().regex(/^(CN|DNS|URI):./),
      scopes: z.array(z.enum(allScopes)).min(1),
      tenants: z.array(z.string().min(1).max(256)).min(1).optional(),
    })
    .refine(({ scopes, tenants }) => tenants === undefined || mayBeLimited(scopes)),
);

/** What certificates stand for, one rule for each. */
export function certificateRules() {
  const allowed = "a list of rules with certificate (CN:…, DNS:… or URI:…), scopes and perhaps tenants";
  return kind(allowed, (value): readonly CertificateRule[] | undefined => rules.safeParse(value).data);
}
