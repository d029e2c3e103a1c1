/**
 * Whether a caller may make a call: decided before anything of the request is read, and once more, for what only the
 * decoded request tells (its tenants), before the implementation sees it.
 *
 * Whoever shows no credentials and may not do what he asks for is UNAUTHENTICATED; whoever is known and may not,
 * PERMISSION_DENIED.
 */
import type { DescMessage, DescMethod, MessageShape } from "@bufbuild/protobuf";
import type { Authenticator, RefusalReason } from "../auth/authenticator.ts";
import type { Identity } from "../auth/identity.ts";
import { assert, StorageError } from "../base/errors.ts";
import type { Call, CallRequest } from "./call.ts";
import { type MethodAccess, methodAccess } from "./method-access.ts";
import type { RpcObserver } from "./observer.ts";

export interface Access {
  /** Who makes this call. Throws UNAUTHENTICATED or PERMISSION_DENIED where it is refused. */
  admit(method: DescMethod, request: CallRequest): Identity;
}

/** By the table of methods. */
export class AccessControl implements Access {
  readonly #authenticator: Authenticator;
  readonly #observer: RpcObserver;

  constructor(authenticator: Authenticator, observer: RpcObserver) {
    this.#authenticator = authenticator;
    this.#observer = observer;
  }

  admit(method: DescMethod, request: CallRequest): Identity {
    const needed = methodAccess.get(method);
    assert(
      needed !== undefined,
      `${method.parent.typeName}/${method.name} is in no row of the methods' access`,
    );
    if (needed.scope === "open") return this.#authenticator.anonymous;
    const identity = this.#authenticator.identify(request.header("authorization"));
    const missing = missingFor(needed, identity);
    if (missing === undefined) return identity;
    const refusal = refusalOf(identity, missing);
    this.#observer.accessRefused({ method: method.name, identity, reason: refusal.reason });
    throw refusal.error;
  }
}

interface Refusal {
  readonly reason: RefusalReason;
  readonly error: StorageError;
}

/** What a caller lacks, as the rest of a sentence; undefined: nothing. */
function missingFor({ scope, tenants }: MethodAccess, identity: Identity): string | undefined {
  if (scope === "any") return identity.scopes.size > 0 ? undefined : "a scope";
  if (!identity.scopes.has(scope as never)) return `the scope ${scope}`;
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
  const { tenants, furtherScope } = methodAccess.get(method) ?? {};
  if (tenants === undefined) return undefined;
  return (request, call) => {
    const { identity } = call;
    const scope = furtherScope?.(request);
    if (scope !== undefined) requireScope(call, scope);
    if (identity.tenants !== undefined) {
      for (const tenant of tenants(request))
        if (!identity.tenants.has(tenant)) throw foreignTenant(call, tenant);
    }
    if (call.chargesTenants) call.charge(tenants(request));
  };
}

function requireScope(call: Call, scope: NonNullable<ReturnType<NonNullable<MethodAccess["furtherScope"]>>>) {
  const missing = missingFor({ scope, tenants: undefined, furtherScope: undefined }, call.identity);
  if (missing === undefined) return;
  const { reason, error } = refusalOf(call.identity, missing);
  call.accessRefused(reason);
  throw error;
}

function foreignTenant(call: Call, tenant: string): StorageError {
  call.accessRefused("tenant");
  const { kind, name } = call.identity;
  const what = JSON.stringify(tenant);
  return new StorageError("PERMISSION_DENIED", `the ${kind} "${name}" may not touch the tenant ${what}`);
}
