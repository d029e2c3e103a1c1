/** `status`: how a node is, on one screen. */
import type { Command } from "commander";
import { type GetStatusResponse, GetStatusResponseSchema } from "../../gen/pairdb/admin/v1/admin_pb.ts";
import { describeNodeCommand, type NodeOptions, printMessage, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { bytesText, columns, durationText } from "../units.ts";

export function statusCommand(context: CommandContext): Command {
  return describeNodeCommand("status", "Tell how a node is.", ["status", "status --json"]).action(
    (options: NodeOptions) => status(context, options),
  );
}

async function status(context: CommandContext, options: NodeOptions): Promise<void> {
  const answer = await withConnection(context, options, ({ admin }) => admin.getStatus({}));
  if (options.json) await printMessage(context, GetStatusResponseSchema, answer);
  else await context.print(columns([...nodeRows(answer), ...storeRows(answer)]));
}

type Row = readonly [name: string, value: string];

function nodeRows(answer: GetStatusResponse): Row[] {
  const { nodeId, version, uptimeSeconds, health, drain, access, process, disk } = answer;
  const rows: Row[] = [["node", `${nodeId}, version ${version}, up for ${durationText(uptimeSeconds)}`]];
  if (health !== undefined) {
    const readiness = health.isReady ? "ready" : `not ready (${health.notReadyReasons.join("; ")})`;
    rows.push(["health", [`${health.status}, ${readiness}`, ...health.reasons].join("; ")]);
  }
  if (drain !== undefined && drain.state !== "serving") {
    rows.push(["drain", [drain.state, ...drain.left].join("; ")]);
  }
  if (access !== undefined) {
    const where = access.isOnNetwork ? "on a network" : "on this machine alone";
    const anonymous = access.anonymousScopes.join(", ") || "nothing";
    const road = access.hasTls ? "TLS" : "cleartext";
    rows.push([
      "access",
      `${where}, ${road}, auth.mode ${access.authMode}; without credentials: ${anonymous}`,
    ]);
  }
  if (process !== undefined) {
    const { memoryBytes, memoryLimitBytes, threadCount, longestEventLoopLagSeconds } = process;
    rows.push([
      "memory",
      `${bytesText(memoryBytes)} of ${bytesText(memoryLimitBytes)}, ${threadCount} threads`,
    ]);
    rows.push(["event loop", `${Math.round(longestEventLoopLagSeconds * 1000)} ms late at most in a minute`]);
  }
  if (disk !== undefined) {
    rows.push([
      "disk",
      `${bytesText(disk.availableBytes)} free of ${bytesText(disk.totalBytes)}, ${disk.state}`,
    ]);
  }
  return rows;
}

function storeRows({ store, memtables, commitLog, cache, stalls, compaction }: GetStatusResponse): Row[] {
  const rows: Row[] = [];
  if (store !== undefined) {
    rows.push(["tables", `${store.tableCount}, ${bytesText(store.tableBytes)}`]);
    if (store.writingStopped !== "") rows.push(["writing", `has stopped: ${store.writingStopped}`]);
  }
  if (memtables !== undefined) {
    const { activeBytes, maxBytes, frozenCount } = memtables;
    rows.push(["memtables", `${bytesText(activeBytes)} of ${bytesText(maxBytes)}, ${frozenCount} to flush`]);
  }
  if (commitLog !== undefined) {
    rows.push(["commit log", `${bytesText(commitLog.sizeBytes)} in ${commitLog.segmentCount} segments`]);
  }
  if (cache !== undefined) {
    const { sizeBytes, budgetBytes, hitsSinceStart, missesSinceStart } = cache;
    const askCount = Number(hitsSinceStart + missesSinceStart);
    const ratio = askCount === 0 ? "" : `, ${Math.round((100 * Number(hitsSinceStart)) / askCount)} % hits`;
    rows.push(["cache", `${bytesText(sizeBytes)} of ${bytesText(budgetBytes)}${ratio}`]);
  }
  if (stalls !== undefined) {
    const { stallSecondsSinceStart, delaySecondsSinceStart } = stalls;
    const [stalled, delayed] = [stallSecondsSinceStart, delaySecondsSinceStart].map(durationText);
    rows.push(["writers", `stalled for ${stalled}, slowed for ${delayed}`]);
  }
  if (compaction !== undefined) {
    const { runningCount, isPaused, failure } = compaction;
    const state = [
      `${runningCount} running`,
      ...(isPaused ? ["paused"] : []),
      ...(failure === "" ? [] : [failure]),
    ];
    rows.push(["compaction", state.join(", ")]);
  }
  return rows;
}
