/**
 * Who the console is to the node. The token lives in this variable, and in the browser's session storage only if the
 * user wants that: it is never part of an address.
 */
import type { WhoAmIResponse } from "../gen/pairdb/admin/v1/admin_pb.ts";
import { Store } from "./store.ts";

const storageKey = "pairdb-console-token";

export const token = new Store(sessionStorage.getItem(storageKey) ?? "");
/** Undefined until the node has said. */
export const identity = new Store<WhoAmIResponse | undefined>(undefined);
export const isSigningIn = new Store(false);

export function signIn(text: string, isKept: boolean): void {
  if (isKept && text !== "") sessionStorage.setItem(storageKey, text);
  else sessionStorage.removeItem(storageKey);
  token.value = text;
}

export type Scope = "read" | "write" | "observe" | "cluster" | "admin";

/** Whether the caller has the scope; before the node has said, no. */
export function may(who: WhoAmIResponse | undefined, scope: Scope): boolean {
  return who?.scopes.includes(scope) ?? false;
}
