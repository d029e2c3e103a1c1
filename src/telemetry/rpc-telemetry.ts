/**
 * Calls, as metrics and log lines.
 *
 * `error="true"` marks the calls that failed through the node's own fault or state; what a client did wrong is in
 * `pairdb_rpc_requests_total` by status, and does not raise the error rate.
 */
import type { StorageErrorCode } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";
import type { CallCounts, SlowCallReport } from "../rpc/admin/sources.ts";
import type { CallSubject } from "../rpc/call-subject.ts";
import type {
  AdminCall,
  FinishedCall,
  RefusedAccess,
  RefusedLoad,
  RejectReason,
  RpcObserver,
  SlowCall,
  StatusName,
} from "../rpc/observer.ts";
import { AuditLog } from "./audit-log.ts";
import type { Instruments } from "./instruments.ts";
import type { Logger } from "./logger.ts";
import { SlowCalls } from "./slow-calls.ts";
import type { TallyCell, TallyCounter, TallyHistogram } from "./tally.ts";

/** Calls of one kind, by the names that dashboards know. */
class Operation {
  readonly #succeeded: TallyCell;
  readonly #failed: TallyCell;
  readonly #durations: TallyHistogram;
  readonly #sizes: TallyHistogram | undefined;

  constructor(instruments: Instruments, name: string, withBytes: boolean) {
    const total = instruments.tally(`storage_${name}_requests_total`, `${name} calls`);
    this.#durations = instruments.durations(
      `storage_${name}_requests_duration_seconds`,
      `Time of ${name} calls`,
    );
    if (withBytes) {
      this.#sizes = instruments.sizes(`storage_${name}_requests_bytes`, `Value bytes of ${name} calls`);
    }
    // Both series exist from the start, so that a rate over them has a beginning.
    this.#failed = total.cell({ error: "true" });
    this.#succeeded = total.cell({ error: "false" });
  }

  count(call: FinishedCall): void {
    (call.isOwnFault ? this.#failed : this.#succeeded).count++;
    this.#durations.observe(call.durationMs / 1000);
    this.#sizes?.observe(call.valueBytes);
  }

  countsOf(method: string): CallCounts {
    const failureCount = this.#failed.count;
    const callCount = failureCount + this.#succeeded.count;
    return { method, callCount, failureCount, durations: this.#durations.distribution() };
  }
}

/** Calls by method and status; a series begins with its first call. */
class CallsByStatus {
  readonly #counter: TallyCounter;
  readonly #methods = new Map<string, Partial<Record<StatusName, TallyCell>>>();

  constructor(counter: TallyCounter) {
    this.#counter = counter;
  }

  count(method: string, status: StatusName): void {
    let cells = this.#methods.get(method);
    if (cells === undefined) {
      cells = {};
      this.#methods.set(method, cells);
    }
    cells[status] ??= this.#counter.cell({ method, status });
    cells[status].count++;
  }
}

/** Refused calls by class and reason; a series begins with its first call. */
class ShedCalls {
  readonly #counter: TallyCounter;
  readonly #classes: Partial<
    Record<RefusedLoad["workClass"], Partial<Record<RefusedLoad["reason"], TallyCell>>>
  > = {};

  constructor(counter: TallyCounter) {
    this.#counter = counter;
  }

  count({ workClass, reason }: RefusedLoad): void {
    const cells = (this.#classes[workClass] ??= {});
    cells[reason] ??= this.#counter.cell({ class: workClass, reason });
    cells[reason].count++;
  }
}

export class RpcTelemetry implements RpcObserver {
  readonly #logger: Logger;
  readonly #operations: Readonly<Record<string, Operation>>;
  readonly #requests;
  readonly #rejected;
  readonly #refused;
  readonly #shed;
  readonly #audit: AuditLog;
  readonly #slow: SlowCalls;

  constructor(instruments: Instruments, logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#audit = new AuditLog(logger, clock);
    this.#slow = new SlowCalls(instruments, logger, clock);
    this.#operations = {
      Write: new Operation(instruments, "write", true),
      Read: new Operation(instruments, "read", true),
      Repair: new Operation(instruments, "repair", false),
      Delete: new Operation(instruments, "delete", false),
      Scan: new Operation(instruments, "scan", true),
      BatchWrite: new Operation(instruments, "batch_write", true),
      BatchRead: new Operation(instruments, "batch_read", true),
    };
    this.#requests = new CallsByStatus(instruments.tally("rpc_requests_total", "Calls by method and status"));
    this.#rejected = instruments.counter("rpc_rejected_requests_total", "Requests that became no call", [
      "reason",
    ]);
    this.#refused = instruments.counter("rpc_refused_calls_total", "Calls that their callers may not make", [
      "reason",
    ]);
    this.#shed = new ShedCalls(
      instruments.tally("rpc_shed_calls_total", "Calls refused because there are too many"),
    );
  }

  callFinished(call: FinishedCall): void {
    this.#operations[call.method]?.count(call);
    this.#requests.count(call.method, call.status);
  }

  callWasSlow(call: SlowCall): void {
    this.#slow.add(call);
  }

  /** The last ones, the oldest first. */
  slowCalls(): readonly SlowCallReport[] {
    return this.#slow.recent;
  }

  /** Of each kind that is counted by itself, since the start. */
  calls(): CallCounts[] {
    return Object.entries(this.#operations).map(([method, operation]) => operation.countsOf(method));
  }

  requestRejected(reason: RejectReason): void {
    this.#rejected.inc({ reason });
    this.#logger.debug("request rejected", { reason });
  }

  accessRefused(refusal: RefusedAccess): void {
    this.#refused.inc({ reason: refusal.reason });
    this.#audit.accessRefused(refusal);
  }

  adminCall(call: AdminCall): void {
    this.#audit.adminCall(call);
  }

  loadRefused(refusal: RefusedLoad): void {
    this.#shed.count(refusal);
  }

  callFailed(
    method: string,
    requestId: string,
    error: unknown,
    code: StorageErrorCode,
    subject?: CallSubject,
  ): void {
    const about = { tenant: subject?.tenantId, key_hash: subject?.keyHash };
    this.#logger.error("call failed", { method, request_id: requestId, code, ...about, error });
  }
}
