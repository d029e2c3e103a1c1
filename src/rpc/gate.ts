/**
 * The one gate in front of every road into the node: a request becomes a `Call` here or is refused, and no
 * implementation runs without a call. It is closed until the node has recovered and again once it stops.
 *
 * Invariants:
 * 1. `Call`s are made nowhere else.
 * 2. Whoever a call belongs to may make it.
 * 3. Every admitted call is among those in flight until it ends.
 */
import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { Identity } from "../auth/identity.ts";
import { StorageError } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import type { Access } from "./access.ts";
import { Call, type CallEnvironment, type CallRequest } from "./call.ts";
import { adoptConnectError, toConnectError } from "./errors.ts";
import type { RpcObserver } from "./observer.ts";

export interface GateOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: RpcObserver;
  /** Who may make which call. */
  readonly access: Access;
  /** Makes what a protocol's own code raised an error of the service; in place. The node's own way by default. */
  readonly adoptError?: (error: ConnectError) => void;
}

interface Waiter {
  readonly isDone: () => boolean;
  readonly resolve: () => void;
}

export class Gate {
  readonly observer: RpcObserver;
  readonly #access: Access;
  readonly #environment: CallEnvironment;
  readonly #inFlight = new Set<Call>();
  #unaryCount = 0;
  #refusal: StorageError | undefined = new StorageError("UNAVAILABLE", "the node is starting");
  #waiters: Waiter[] = [];

  constructor(options: GateOptions) {
    this.observer = options.observer;
    this.#access = options.access;
    this.#environment = {
      observer: options.observer,
      adoptError: options.adoptError ?? adoptConnectError,
      monotonicMs: () => options.clock.monotonicMs(),
      newRequestId: () => hex32(options.random) + hex32(options.random),
      left: (call) => this.#leave(call),
    };
  }

  /** Lets calls in. */
  open(): void {
    this.#refusal = undefined;
  }

  /** Refuses calls from now on; those in flight go on. */
  close(refusal: StorageError): void {
    this.#refusal = refusal;
  }

  /** Throws the refusal as its caller gets it. */
  admit(method: DescMethod, request: CallRequest): Call {
    if (this.#refusal !== undefined) {
      this.observer.requestRejected("not_serving");
      throw toConnectError(this.#refusal, "");
    }
    const call = new Call(method, request, this.#identify(method, request), this.#environment);
    this.#inFlight.add(call);
    if (!call.isStream) this.#unaryCount++;
    return call;
  }

  #identify(method: DescMethod, request: CallRequest): Identity {
    try {
      return this.#access.admit(method, request);
    } catch (refusal) {
      throw toConnectError(refusal, "");
    }
  }

  /** Ends the streams in flight with this failure. */
  interruptStreams(reason: ConnectError): void {
    for (const call of this.#inFlight) if (call.isStream) call.interrupt(reason);
  }

  /** Ends every call in flight with this failure; what they asked of the node goes on. */
  interruptAll(reason: ConnectError): void {
    for (const call of this.#inFlight) call.interrupt(reason);
  }

  /** Resolves when no unary call is in flight. */
  whenUnaryIdle(): Promise<void> {
    return this.#when(() => this.#unaryCount === 0);
  }

  /** Resolves when no call at all is in flight. */
  whenIdle(): Promise<void> {
    return this.#when(() => this.#inFlight.size === 0);
  }

  #leave(call: Call): void {
    this.#inFlight.delete(call);
    if (!call.isStream) this.#unaryCount--;
    if (this.#waiters.length === 0) return;
    for (const waiter of this.#waiters) if (waiter.isDone()) waiter.resolve();
    this.#waiters = this.#waiters.filter((waiter) => !waiter.isDone());
  }

  #when(isDone: () => boolean): Promise<void> {
    if (isDone()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ isDone, resolve }));
  }
}

function hex32(random: Random): string {
  return random.uint32().toString(16).padStart(8, "0");
}
