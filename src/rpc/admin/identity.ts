/** A caller's identity as he may see it himself: nothing of his credentials. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Identity } from "../../auth/identity.ts";
import type { WhoAmIResponseSchema } from "../../gen/pairdb/admin/v1/admin_pb.ts";

export function identityOf(identity: Identity): MessageInitShape<typeof WhoAmIResponseSchema> {
  const { name, kind, scopes, tenants } = identity;
  return {
    name,
    kind,
    scopes: [...scopes],
    isLimitedToTenants: tenants !== undefined,
    tenants: [...(tenants ?? [])],
  };
}
