import { everybodyIs } from "../../src/auth/authenticator.ts";
import { allScopes, anonymousIdentity } from "../../src/auth/identity.ts";
import type { Access } from "../../src/rpc/access.ts";
import { Admission, type OverloadLimits } from "../../src/rpc/overload/admission.ts";
import { ManualClock } from "./manual-clock.ts";

/** Callers who may do everything, and are not asked who they are. */
export const everyone = everybodyIs(anonymousIdentity(allScopes));

/** Lets everyone call any method, also those of a test's own services. */
export const unlimitedAccess: Access = { check: () => () => everyone.anonymous };

const manyCalls = Number.POSITIVE_INFINITY;

export const noOverloadLimits: OverloadLimits = {
  maxInFlight: { read: manyCalls, write: manyCalls, scan: manyCalls, control: manyCalls },
  maxLagMs: 0,
  shedOrder: [],
  tenantRate: { requestsPerSecond: 0, burst: 0 },
};

/** Takes whatever comes. */
export function unlimitedAdmission(): Admission {
  return new Admission({ clock: new ManualClock(), limits: noOverloadLimits, refused: () => undefined });
}
