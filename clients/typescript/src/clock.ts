/**
 * Vector clocks: which writes a version has seen. Pure.
 *
 * A clock maps the ids of writers to numbers; a writer that is not in it counts as 0. One clock is *before* another
 * when no number of it is larger and one is smaller; of two clocks of which neither is before the other, each has
 * seen something that the other has not: they are *concurrent*.
 *
 * Invariants: no number is 0, and clocks are never changed in place.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { VectorClockSchema } from "./gen/storage/storage_node_pb.ts";

/** Numbers have 64 bits. */
export type Clock = ReadonlyMap<string, bigint>;

export type ClockOrder = "before" | "after" | "equal" | "concurrent";

export const emptyClock: Clock = new Map();

/** How `a` stands to `b`. */
export function compareClocks(a: Clock, b: Clock): ClockOrder {
  const isAhead = hasMore(a, b);
  if (hasMore(b, a)) return isAhead ? "concurrent" : "before";
  return isAhead ? "after" : "equal";
}

/** Whether some number of `a` is larger than that of `b`. */
function hasMore(a: Clock, b: Clock): boolean {
  for (const [writer, number] of a) if (number > (b.get(writer) ?? 0n)) return true;
  return false;
}

/** The least clock that has seen all that either has. */
export function mergeClocks(a: Clock, b: Clock): Clock {
  const merged = new Map(a);
  for (const [writer, number] of b) if (number > (merged.get(writer) ?? 0n)) merged.set(writer, number);
  return merged;
}

/**
 * The clock of a new version that has seen `seen`: the writer's number is raised to `least`, or by one where that is
 * more. So it is after `seen`, and equal to no clock that the writer made before if `least` is always a new number.
 */
export function advanceClock(seen: Clock, writerId: string, least: bigint): Clock {
  const next = (seen.get(writerId) ?? 0n) + 1n;
  return new Map(seen).set(writerId, next > least ? next : least);
}

/** Of the wire, or of JSON's numbers as text; `undefined` is the empty clock. */
export function clockFromMessage(message: MessageInitShape<typeof VectorClockSchema> | undefined): Clock {
  const clock = new Map<string, bigint>();
  for (const { coordinatorNodeId = "", logicalTimestamp = 0n } of message?.entries ?? []) {
    if (logicalTimestamp > 0n) clock.set(coordinatorNodeId, logicalTimestamp);
  }
  return clock;
}

export function clockToMessage(clock: Clock): { entries: ClockEntryMessage[] } {
  const entries = [...clock].map(([coordinatorNodeId, logicalTimestamp]) => ({
    coordinatorNodeId,
    logicalTimestamp,
  }));
  return { entries };
}

interface ClockEntryMessage {
  coordinatorNodeId: string;
  logicalTimestamp: bigint;
}

/** A clock as text, for forms, cookies and ETags: it comes back through `parseClock`. */
export function formatClock(clock: Clock): string {
  return JSON.stringify([...clock].map(([writer, number]) => [writer, String(number)]));
}

/** Throws a SyntaxError for text that `formatClock` did not make. */
export function parseClock(text: string): Clock {
  const entries: unknown = JSON.parse(text);
  if (!Array.isArray(entries)) throw new SyntaxError("a clock is a list of entries");
  return new Map(entries.map(parseEntry));
}

function parseEntry(entry: unknown): [string, bigint] {
  if (Array.isArray(entry) && entry.length === 2) {
    const [writer, number] = entry as unknown[];
    if (typeof writer === "string" && typeof number === "string" && /^[1-9]\d{0,18}$/.test(number)) {
      return [writer, BigInt(number)];
    }
  }
  throw new SyntaxError("an entry of a clock is a writer's id and a number as text");
}
