/**
 * One admitted call, from the gate to its last answer: what both sides of a road know of it.
 *
 * A call is *interrupted* by its deadline, its caller's cancellation or the node's stop: whoever waits in it stops
 * waiting at once. What was already asked of the node goes on, so a write that was interrupted may have happened.
 *
 * Invariants:
 * 1. A call ends exactly once, and is reported exactly once.
 * 2. Nothing waits in an ended call, and the source of its stream is released.
 */
import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Credentials, RefusalReason } from "../auth/authenticator.ts";
import type { Identity } from "../auth/identity.ts";
import { subjectOf } from "./call-subject.ts";
import type { CallSpan, CallTracer } from "./call-tracer.ts";
import { isOwnFault, isWithheld, statusName, storageCodeOf, toConnectError, withDetails } from "./errors.ts";
import { EncodedMessage } from "./message-codec.ts";
import type { FinishedCall, RpcObserver, StatusName } from "./observer.ts";
import type { Admission } from "./overload/admission.ts";
import type { WorkClass } from "./overload/work-class.ts";

/** What the gate gives to each call; owned by the gate. */
export interface CallEnvironment {
  readonly observer: RpcObserver;
  readonly admission: Admission;
  /** Undefined where calls are not followed. */
  readonly tracer: CallTracer | undefined;
  /** From then on a call is told of as slow. */
  readonly slowCallMs: number;
  adoptError(error: ConnectError): void;
  monotonicMs(): number;
  newRequestId(): string;
  /** The call has ended and is out of the way. */
  left(call: Call): void;
}

/** What a road knows of a request when it asks for admission. */
export interface CallRequest extends Credentials {
  /** Several headers of one name are joined by ", ". */
  header(name: string): string | null;
  headers(): Headers;
  /** How long the caller waits, counted from the admission. */
  readonly timeoutMs: number | undefined;
}

/** What the gate found out about a request. */
export interface AdmittedRequest {
  readonly workClass: WorkClass;
  readonly isEndless: boolean;
  readonly request: CallRequest;
  readonly identity: Identity;
}

export class Call {
  readonly request: CallRequest;
  /** Who makes the call. */
  readonly identity: Identity;
  /** The method's name without its service. */
  readonly method: string;
  readonly workClass: WorkClass;
  /** Whether it goes on for as long as its caller listens. */
  readonly isEndless: boolean;
  /** Bytes of values that the call brought or fetched; implementations count it up. */
  valueBytes = 0;
  /** The decoded request, once there is one; an exchange has several and tells none. */
  message: object | undefined;
  /** Whether the road encodes an answer that it gets at once before it does anything else: so that may be borrowed. */
  encodesAtOnce = false;
  readonly #environment: CallEnvironment;
  readonly #startedMs: number;
  readonly #span: CallSpan | undefined;
  #requestId: string | undefined;
  #isAnswered = false;
  #isAudited = false;
  #hasEnded = false;
  #failure: ConnectError | undefined;
  #interruption: ConnectError | undefined;
  #stopWaiting: ((reason: ConnectError) => void) | undefined;
  #releaseSource: (() => void) | undefined;
  /** Of the last item of the source that a road was given. */
  #resumeToken: Uint8Array | undefined;
  #responseHeaders: Headers | undefined;
  #responseTrailers: Headers | undefined;
  #abort: AbortController | undefined;

  constructor(method: DescMethod, admitted: AdmittedRequest, environment: CallEnvironment) {
    this.request = admitted.request;
    this.identity = admitted.identity;
    this.method = method.name;
    this.workClass = admitted.workClass;
    this.isEndless = admitted.isEndless;
    this.#environment = environment;
    this.#startedMs = environment.monotonicMs();
    this.#span = environment.tracer?.begin(method, admitted.request);
  }

  /** Names the call in logs and failures. Made when first asked for: most calls need none. */
  get requestId(): string {
    this.#requestId ??= this.#environment.newRequestId();
    return this.#requestId;
  }

  /** Headers to send besides the protocol's own; of a stream, as they are at its first item. */
  get responseHeaders(): Headers {
    this.#responseHeaders ??= new Headers();
    return this.#responseHeaders;
  }

  /** What to send besides after the last byte. */
  get responseTrailers(): Headers {
    this.#responseTrailers ??= new Headers();
    return this.#responseTrailers;
  }

  /** Whether the implementation has asked for either; most have not, and roads then make neither. */
  get hasResponseMetadata(): boolean {
    return this.#responseHeaders !== undefined || this.#responseTrailers !== undefined;
  }

  /** Aborted when nobody waits for the call any more. Made when first asked for: only long work needs it. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#interruption !== undefined) this.#abort.abort(this.#interruption);
    return this.#abort.signal;
  }

  /** Whether `end` was called: nobody waits for an answer any more. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether requests of tenants are counted. */
  get chargesTenants(): boolean {
    return this.#environment.admission.hasTenantRates;
  }

  /** Counts requests, one for each mention of a tenant. Throws RESOURCE_EXHAUSTED above a tenant's rate. */
  charge(tenants: Iterable<string>): void {
    this.#environment.admission.charge(tenants, this.workClass);
  }

  /** Waits for work of the node, or throws the interruption. At most one wait at a time. */
  async wait<T>(work: T | Promise<T>): Promise<T> {
    if (this.#interruption !== undefined) {
      if (work instanceof Promise) abandon(work);
      throw this.#interruption;
    }
    if (!(work instanceof Promise)) return work;
    this.#span?.waits(this.workClass);
    return new Promise<T>((resolve, reject) => {
      this.#stopWaiting = reject;
      work.then(resolve, reject);
    }).finally(() => {
      this.#stopWaiting = undefined;
    });
  }

  /**
   * As `wait`, for whoever makes a promise less of it. Either callback may still come after the call has ended, and
   * `failed` twice.
   */
  hear<T>(work: Promise<T>, done: (value: T) => void, failed: (error: unknown) => void): void {
    if (this.#interruption !== undefined) {
      abandon(work);
      failed(this.#interruption);
      return;
    }
    this.#span?.waits(this.workClass);
    this.#stopWaiting = failed;
    work.then(done, failed);
  }

  /** The source's items, one `wait` each; the source is released when the call ends, however it does. */
  async *each<T>(source: AsyncGenerator<T, void, void>): AsyncGenerator<T, void, void> {
    // Not awaited: a source in the middle of a step is released after it, and its failure concerns nobody then.
    const release = () => abandon(source.return());
    this.#releaseSource = release;
    try {
      for (;;) {
        const step = await this.wait(source.next());
        if (step.done === true) return;
        if (step.value instanceof EncodedMessage) this.#resumeToken = step.value.resumeToken;
        yield step.value;
      }
    } finally {
      // Whoever ended the call before it came to here did not know of the source.
      release();
    }
  }

  /** The decoded request is more than its caller may ask for; what he gets is thrown by whoever found that. */
  accessRefused(reason: RefusalReason): void {
    const { method, identity } = this;
    const address = this.request.peer?.address;
    this.#environment.observer.accessRefused({ method, identity, address, reason });
  }

  /** The call goes into the audit log: now, and with its status when it ends. */
  audit(): void {
    this.#isAudited = true;
    this.#tellAudit("begun");
  }

  #tellAudit(status: StatusName | "begun"): void {
    const { method, identity, requestId } = this;
    const address = this.request.peer?.address;
    this.#environment.observer.adminCall({ method, identity, address, requestId, status });
  }

  /** The implementation has given its whole answer. */
  answered(): void {
    this.#isAnswered = true;
  }

  /**
   * The implementation's failure as its caller gets it; what the caller may not see is reported. After the end of the
   * call it concerns nobody: most often it is the end itself, as a stream's source sees it.
   */
  failure(error: unknown): ConnectError {
    if (!this.#hasEnded && isWithheld(error)) {
      const { method, requestId } = this;
      const code = storageCodeOf(error);
      this.#environment.observer.callFailed(method, requestId, error, code, subjectOf(this.message));
    }
    this.#failure = toConnectError(error, this.requestId);
    if (this.#resumeToken !== undefined) {
      this.#failure = withDetails(this.#failure, { resume_token: this.#resumeToken.toBase64() });
    }
    return this.#failure;
  }

  /** Ends every wait in the call, now and later. */
  interrupt(reason: ConnectError): void {
    this.#interruption ??= reason;
    this.#stopWaiting?.(this.#interruption);
    this.#abort?.abort(this.#interruption);
  }

  /**
   * The road is done with the call: `reason` is the failure that its caller gets. Anything else that is no failure
   * of ours means success after a whole answer, and before it that the caller went away.
   */
  end(reason: unknown): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const status = this.#statusAt(reason);
    if (status !== "OK") this.interrupt(interruptionBy(reason));
    this.#releaseSource?.();
    const durationMs = this.#environment.monotonicMs() - this.#startedMs;
    const { method, valueBytes } = this;
    const isFault = reason instanceof ConnectError && isOwnFault(reason);
    const finished = { method, status, isOwnFault: isFault, durationMs, valueBytes };
    this.#environment.observer.callFinished(finished);
    this.#span?.end(finished);
    if (durationMs >= this.#environment.slowCallMs && !this.isEndless) this.#tellSlow(finished);
    if (this.#isAudited) this.#tellAudit(status);
    this.#environment.left(this);
  }

  #tellSlow(finished: FinishedCall): void {
    const { requestId, identity } = this;
    const address = this.request.peer?.address;
    const subject = subjectOf(this.message);
    this.#environment.observer.callWasSlow({ ...finished, requestId, identity, address, subject });
  }

  #statusAt(reason: unknown): StatusName {
    if (!(reason instanceof ConnectError)) return this.#isAnswered ? "OK" : "CANCELLED";
    if (reason !== this.#failure) this.#environment.adoptError(reason);
    return statusName(reason.code);
  }
}

/** How it ends concerns nobody any more. */
function abandon(work: Promise<unknown>): void {
  work.catch(() => undefined);
}

function interruptionBy(reason: unknown): ConnectError {
  return reason instanceof ConnectError ? reason : new ConnectError("the caller went away", Code.Canceled);
}
