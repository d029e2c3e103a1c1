/** From what a caller shows of himself to his identity. */
import type { Identity } from "./identity.ts";

/** Why a call was refused, for logs and metrics; its caller hears less. */
export type RefusalReason = "no_credentials" | "scope" | "tenant";

export interface Authenticator {
  /** What calls get that show nothing. */
  readonly anonymous: Identity;
  /** `authorization` is the header's value, null without one. */
  identify(authorization: string | null): Identity;
}

/** Looks at no credentials: with `auth.mode: none`, everybody is the same. */
export function everybodyIs(anonymous: Identity): Authenticator {
  return { anonymous, identify: () => anonymous };
}
