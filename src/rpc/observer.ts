/**
 * What the RPC edge tells the outside. It calls these as things happen, on the main thread; an observer returns
 * at once and never throws.
 */
import type { RefusalReason } from "../auth/authenticator.ts";
import type { Identity } from "../auth/identity.ts";
import type { StorageErrorCode } from "../base/errors.ts";
import type { CallSubject } from "./call-subject.ts";
import type { OverloadReason } from "./overload/admission.ts";
import type { WorkClass } from "./overload/work-class.ts";

/** gRPC's status names. */
export type StatusName =
  | "OK"
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED";

/** One call from its admission to its last answer. */
export interface FinishedCall {
  /** "Write", "Read", …; the method's name without the service. */
  readonly method: string;
  readonly status: StatusName;
  /** Whether it failed through the node's own fault or state, and not for what its caller sent. */
  readonly isOwnFault: boolean;
  readonly durationMs: number;
  /** Bytes of values that the call brought or fetched. */
  readonly valueBytes: number;
}

/** A call that took longer than a call should. */
export interface SlowCall extends FinishedCall {
  readonly requestId: string;
  readonly identity: Identity;
  readonly address: string | undefined;
  readonly subject: CallSubject | undefined;
}

/** Why a request was turned away before it became a call. */
export type RejectReason =
  | "malformed"
  | "host"
  | "http_method"
  | "content_type"
  | "origin"
  | "unknown_method"
  | "not_serving";

/** A call that its caller may not make. */
export interface RefusedAccess {
  readonly method: string;
  /** Undefined where the credentials are nobody's. */
  readonly identity: Identity | undefined;
  readonly address: string | undefined;
  readonly reason: RefusalReason;
}

/** A call that the node did not take on, so as to keep up with the others. */
export interface RefusedLoad {
  readonly workClass: WorkClass;
  readonly reason: OverloadReason;
}

/** What the node has taken on at the moment. */
export interface LoadStatus {
  readonly inFlight: Readonly<Record<WorkClass, number>>;
  /** From 0, nothing is shed, to the count of classes that may be. */
  readonly pressure: number;
}

/** A call of the scope `admin`, which is told twice. */
export interface AdminCall {
  readonly method: string;
  readonly identity: Identity;
  readonly address: string | undefined;
  readonly requestId: string;
  readonly status: StatusName | "begun";
}

export interface RpcObserver {
  /** Every admitted call ends here exactly once. */
  callFinished(call: FinishedCall): void;
  /** After `callFinished`. */
  callWasSlow(call: SlowCall): void;
  requestRejected(reason: RejectReason): void;
  accessRefused(refusal: RefusedAccess): void;
  loadRefused(refusal: RefusedLoad): void;
  /** Before the implementation runs, and when the call has ended. */
  adminCall(call: AdminCall): void;
  /** A failure that a client may not see whole: the node's own fault, with its cause, under the call's id. */
  callFailed(
    method: string,
    requestId: string,
    error: unknown,
    code: StorageErrorCode,
    subject?: CallSubject,
  ): void;
}

const ignore = (): void => {};

export const silentRpcObserver: RpcObserver = {
  callFinished: ignore,
  callWasSlow: ignore,
  requestRejected: ignore,
  accessRefused: ignore,
  loadRefused: ignore,
  adminCall: ignore,
  callFailed: ignore,
};
