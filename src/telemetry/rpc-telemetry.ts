/**
 * Calls, as metrics and log lines.
 *
 * `error="true"` marks the calls that failed through the node's own fault or state; what a client did wrong is in
 * `pairdb_rpc_requests_total` by status, and does not raise the error rate.
 */
import type { StorageErrorCode } from "../base/errors.ts";
import type { FinishedCall, RejectReason, RpcObserver, StatusName } from "../rpc/observer.ts";
import type { Instruments } from "./instruments.ts";
import type { Logger } from "./logger.ts";

const ownFaults: ReadonlySet<StatusName> = new Set([
  "UNKNOWN",
  "DEADLINE_EXCEEDED",
  "RESOURCE_EXHAUSTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
]);

/** Metrics of one kind of call, by the names that dashboards know. */
function operation(instruments: Instruments, name: string, withBytes: boolean) {
  const total = instruments.counter(`storage_${name}_requests_total`, `${name} calls`, ["error"]);
  const durations = instruments.durations(
    `storage_${name}_requests_duration_seconds`,
    `Time of ${name} calls`,
  );
  const sizes = withBytes
    ? instruments.sizes(`storage_${name}_requests_bytes`, `Value bytes of ${name} calls`)
    : undefined;
  // Both series exist from the start, so that a rate over them has a beginning.
  total.inc({ error: "true" }, 0);
  total.inc({ error: "false" }, 0);
  return (call: FinishedCall): void => {
    total.inc({ error: ownFaults.has(call.status) ? "true" : "false" });
    durations.observe(call.durationMs / 1000);
    sizes?.observe(call.valueBytes);
  };
}

export class RpcTelemetry implements RpcObserver {
  readonly #logger: Logger;
  readonly #operations: Readonly<Record<string, (call: FinishedCall) => void>>;
  readonly #requests;
  readonly #rejected;

  constructor(instruments: Instruments, logger: Logger) {
    this.#logger = logger;
    this.#operations = {
      Write: operation(instruments, "write", true),
      Read: operation(instruments, "read", true),
      Repair: operation(instruments, "repair", false),
      Delete: operation(instruments, "delete", false),
      Scan: operation(instruments, "scan", true),
    };
    this.#requests = instruments.counter("rpc_requests_total", "Calls by method and status", [
      "method",
      "status",
    ]);
    this.#rejected = instruments.counter("rpc_rejected_requests_total", "Requests that became no call", [
      "reason",
    ]);
  }

  callFinished(call: FinishedCall): void {
    this.#operations[call.method]?.(call);
    this.#requests.inc({ method: call.method, status: call.status });
  }

  requestRejected(reason: RejectReason): void {
    this.#rejected.inc({ reason });
    this.#logger.debug("request rejected", { reason });
  }

  callFailed(method: string, requestId: string, error: unknown, code: StorageErrorCode): void {
    this.#logger.error("call failed", { method, request_id: requestId, code, error });
  }
}
