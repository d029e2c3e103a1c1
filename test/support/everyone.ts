import { everybodyIs } from "../../src/auth/authenticator.ts";
import { allScopes, anonymousIdentity } from "../../src/auth/identity.ts";
import type { Access } from "../../src/rpc/access.ts";

/** Callers who may do everything, and are not asked who they are. */
export const everyone = everybodyIs(anonymousIdentity(allScopes));

/** Lets everyone call any method, also those of a test's own services. */
export const unlimitedAccess: Access = { admit: () => everyone.anonymous };
