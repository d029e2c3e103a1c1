/**
 * Whether a caller may make a call: decided before anything of the request is read, and once more, for what only the
 * decoded request tells (its tenants), before the implementation sees it.
 *
 * Whoever shows no credentials and may not do what he asks for is UNAUTHENTICATED; whoever is known and may not,
 * PERMISSION_DENIED.
 */
import type { DescMessage, DescMethod, MessageShape } from "@bufbuild/protobuf";
import type {
  Authenticator,
  ConnectionPeer,
  CredentialProblem,
  Credentials,
  RefusalReason,
} from "../auth/authenticator.ts";
import type { Identity, Scope } from "../auth/identity.ts";
import { InvariantViolation, StorageError } from "../base/errors.ts";
import type { Call, CallRequest } from "./call.ts";
import { type MethodAccess, methodAccess } from "./method-access.ts";
import type { RpcObserver } from "./observer.ts";

/** Who makes a call. Throws UNAUTHENTICATED or PERMISSION_DENIED where it is refused. */
export type AccessCheck = (request: CallRequest) => Identity;

export interface Access {
  /** What all calls of the method have to pass. */
  check(method: DescMethod): AccessCheck;
}

/** By the table of methods. */
export class AccessControl implements Access {
  readonly #authenticator: Authenticator;
  readonly #observer: RpcObserver;

  constructor(authenticator: Authenticator, observer: RpcObserver) {
    this.#authenticator = authenticator;
    this.#observer = observer;
  }

  check(method: DescMethod): AccessCheck {
    const needed = methodAccess.get(method);
    if (needed === undefined) {
      const name = `${method.parent.typeName}/${method.name}`;
      throw new InvariantViolation(`${name} is in no row of the methods' access`);
    }
    const { anonymous } = this.#authenticator;
    if (needed.scope === "open") return () => anonymous;
    return (request) => this.#admit(method.name, needed, request);
  }

  /** The same for what is no call: `name` stands for the method in logs. */
  admitRequest(name: string, scope: Scope, credentials: Credentials): Identity {
    return this.#admit(name, { scope, tenants: undefined, special: undefined }, credentials);
  }

  #admit(method: string, needed: MethodAccess, credentials: Credentials): Identity {
    const found = this.#authenticator.identify(credentials);
    const { peer } = credentials;
    if (typeof found === "string") throw this.#refuse(method, undefined, peer, badCredentials(found));
    const refusal = refusalFor(needed, found);
    if (refusal !== undefined) throw this.#refuse(method, found, peer, refusal);
    return found;
  }

  /** Tells of the refusal, and gives what its caller gets. */
  #refuse(
    method: string,
    identity: Identity | undefined,
    peer: ConnectionPeer | undefined,
    { reason, error }: Refusal,
  ): StorageError {
    this.#observer.accessRefused({ method, identity, address: peer?.address, reason });
    return error;
  }
}

interface Refusal {
  readonly reason: RefusalReason;
  readonly error: StorageError;
}

/** What the sender of bad credentials hears: nothing that helps to guess better ones. */
const credentialMessages: Readonly<Record<CredentialProblem, string>> = {
  oversized_credentials: "the authorization header is too long for a token",
  malformed_token: "the authorization header is no token; it is written as Bearer pdb_ID_SECRET",
  bad_token: "this node does not know the token",
  expired_token: "the token has expired",
};

function badCredentials(reason: CredentialProblem): Refusal {
  return { reason, error: new StorageError("UNAUTHENTICATED", credentialMessages[reason]) };
}

function refusalFor(needed: MethodAccess, identity: Identity): Refusal | undefined {
  const missing = missingFor(needed, identity);
  return missing === undefined ? undefined : refusalOf(identity, missing);
}

/** What a caller lacks, as the rest of a sentence; undefined: nothing. */
function missingFor({ scope, tenants, special }: MethodAccess, identity: Identity): string | undefined {
  const { scopes } = identity;
  if (scope === "open" || scope === "none") return undefined;
  if (scope === "any") return scopes.size > 0 ? undefined : "a scope";
  const mayBeSpecial = special !== undefined && scopes.has(special.scope);
  if (!scopes.has(scope) && !mayBeSpecial) return `the scope ${scope}`;
  if (identity.tenants === undefined || tenants !== undefined) return undefined;
  return "credentials that are not limited to tenants";
}

function refusalOf({ kind, name }: Identity, missing: string): Refusal {
  if (kind === "anonymous") {
    const message = `this call needs ${missing}, and it came without credentials`;
    return { reason: "no_credentials", error: new StorageError("UNAUTHENTICATED", message) };
  }
  const message = `this call needs ${missing}, which the ${kind} "${name}" does not have`;
  return { reason: "scope", error: new StorageError("PERMISSION_DENIED", message) };
}

/**
 * Looks at a decoded request before its implementation does. Throws PERMISSION_DENIED, and RESOURCE_EXHAUSTED above a
 * tenant's rate.
 */
export type RequestCheck<I extends DescMessage> = (request: MessageShape<I>, call: Call) => void;

/** What a method's decoded requests have to pass; undefined: nothing. */
export function requestCheck<I extends DescMessage>(
  method: DescMethod & { readonly input: I },
): RequestCheck<I> | undefined {
  const needed = methodAccess.get(method);
  if (needed?.tenants === undefined) return undefined;
  const { tenants, special } = needed;
  const asUsual = { ...needed, special: undefined };
  const asSpecial = special === undefined ? asUsual : { ...asUsual, scope: special.scope };
  return (request, call) => {
    const { identity } = call;
    if (special !== undefined) requireAccess(call, special.includes(request) ? asSpecial : asUsual);
    if (identity.tenants !== undefined) {
      for (const tenant of tenants(request))
        if (!identity.tenants.has(tenant)) throw foreignTenant(call, tenant);
    }
    if (call.chargesTenants) call.charge(tenants(request));
  };
}

function requireAccess(call: Call, needed: MethodAccess): void {
  const refusal = refusalFor(needed, call.identity);
  if (refusal === undefined) return;
  call.accessRefused(refusal.reason);
  throw refusal.error;
}

function foreignTenant(call: Call, tenant: string): StorageError {
  call.accessRefused("tenant");
  const { kind, name } = call.identity;
  const what = JSON.stringify(tenant);
  return new StorageError("PERMISSION_DENIED", `the ${kind} "${name}" may not touch the tenant ${what}`);
}
