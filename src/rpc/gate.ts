/**
 * The one gate in front of every road into the node: a request becomes a `Call` here or is refused, and no
 * implementation runs without a call. It is closed until the node has recovered and again once it stops, but for the
 * services that tell just that.
 *
 * Invariants:
 * 1. `Call`s are made nowhere else.
 * 2. Whoever a call belongs to may make it.
 * 3. Every admitted call is among those in flight until it ends.
 * 4. What the node cannot take on is refused before anything else is looked at.
 */
import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { Identity } from "../auth/identity.ts";
import { StorageError } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import type { Access, AccessCheck } from "./access.ts";
import { Call, type CallEnvironment, type CallRequest } from "./call.ts";
import type { CallTracer } from "./call-tracer.ts";
import { adoptConnectError, toConnectError } from "./errors.ts";
import { isAudited } from "./method-access.ts";
import type { RpcObserver } from "./observer.ts";
import type { Admission } from "./overload/admission.ts";
import { type WorkClass, workClassOf } from "./overload/work-class.ts";

export interface GateOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: RpcObserver;
  /** Follows calls, if somebody is to. */
  readonly tracer?: CallTracer | undefined;
  /** Who may make which call. */
  readonly access: Access;
  /** Full names of services that need no open node. */
  readonly alwaysOpen?: ReadonlySet<string>;
  /** How much may be in flight; the gate's own. */
  readonly admission: Admission;
  /** From then on a call is told of as slow; default: never. */
  readonly slowCallMs?: number;
  /** Makes what a protocol's own code raised an error of the service; in place. The node's own way by default. */
  readonly adoptError?: (error: ConnectError) => void;
}

/** Lets the calls of one method in. */
export interface Entrance {
  /** Throws the refusal as its caller gets it. */
  admit(request: CallRequest): Call;
}

export class Gate {
  readonly observer: RpcObserver;
  readonly #access: Access;
  readonly #admission: Admission;
  readonly #environment: CallEnvironment;
  readonly #alwaysOpen: ReadonlySet<string>;
  readonly #inFlight = new Set<Call>();
  #admittedCount = 0;
  #refusal: StorageError | undefined = new StorageError("UNAVAILABLE", "the node is starting");
  #endlessInterruption: ConnectError | undefined;
  readonly #waiters: (() => void)[] = [];
  /** The admission's refusals as callers get them: few, since it has one for each reason. */
  readonly #loadRefusals = new Map<unknown, ConnectError>();

  constructor(options: GateOptions) {
    this.observer = options.observer;
    this.#access = options.access;
    this.#alwaysOpen = options.alwaysOpen ?? new Set();
    this.#admission = options.admission;
    this.#environment = {
      observer: options.observer,
      tracer: options.tracer,
      adoptError: options.adoptError ?? adoptConnectError,
      monotonicMs: () => options.clock.monotonicMs(),
      newRequestId: () => hex32(options.random) + hex32(options.random),
      admission: options.admission,
      slowCallMs: options.slowCallMs ?? Number.POSITIVE_INFINITY,
      left: (call) => this.#leave(call),
    };
  }

  /** Whether calls are let in. */
  get isOpen(): boolean {
    return this.#refusal === undefined;
  }

  /** Lets calls in. */
  open(): void {
    this.#refusal = undefined;
  }

  /** Refuses calls from now on; those in flight go on. */
  close(refusal: StorageError): void {
    this.#refusal = refusal;
  }

  /** Where the calls of a method come in. An endless one would go on for as long as its caller listens. */
  entrance(method: DescMethod, isEndless = false): Entrance {
    const isAlwaysOpen = this.#alwaysOpen.has(method.parent.typeName);
    const workClass = workClassOf(method);
    const check = this.#access.check(method);
    const isAuditedMethod = isAudited(method);
    return {
      admit: (request) => {
        if (!isAlwaysOpen) this.#assertOpen();
        const identity = this.#admit(workClass, check, request);
        const call = new Call(method, { workClass, isEndless, request, identity }, this.#environment);
        this.#inFlight.add(call);
        this.#admittedCount++;
        if (isEndless && this.#endlessInterruption !== undefined) call.interrupt(this.#endlessInterruption);
        if (isAuditedMethod) call.audit();
        return call;
      },
    };
  }

  #assertOpen(): void {
    if (this.#refusal === undefined) return;
    this.observer.requestRejected("not_serving");
    throw toConnectError(this.#refusal, "");
  }

  #admit(workClass: WorkClass, check: AccessCheck, request: CallRequest): Identity {
    try {
      this.#admission.enter(workClass);
    } catch (refusal) {
      throw this.#loadRefusal(refusal);
    }
    try {
      return check(request);
    } catch (refusal) {
      this.#admission.leave(workClass);
      throw toConnectError(refusal, "");
    }
  }

  /** Ends with this failure those calls that would not end by themselves, now and later. */
  interruptEndless(reason: ConnectError): void {
    this.#endlessInterruption = reason;
    for (const call of this.#inFlight) if (call.isEndless) call.interrupt(reason);
  }

  /** Ends every call in flight with this failure; what they asked of the node goes on. */
  interruptAll(reason: ConnectError): void {
    for (const call of this.#inFlight) call.interrupt(reason);
  }

  /** Of all calls since the start. */
  get admittedCount(): number {
    return this.#admittedCount;
  }

  get isIdle(): boolean {
    return this.#inFlight.size === 0;
  }

  /** Resolves when no call is in flight. */
  whenIdle(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #loadRefusal(refusal: unknown): ConnectError {
    let known = this.#loadRefusals.get(refusal);
    if (known === undefined) this.#loadRefusals.set(refusal, (known = toConnectError(refusal, "")));
    return known;
  }

  #leave(call: Call): void {
    this.#inFlight.delete(call);
    this.#admission.leave(call.workClass);
    if (this.#waiters.length === 0 || !this.isIdle) return;
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}

function hex32(random: Random): string {
  return random.uint32().toString(16).padStart(8, "0");
}
