/** What a scan of a node shows, gathered. */
import { readUtf8 } from "../../src/base/utf8.ts";
import type { ScanRequest } from "../../src/node/scan.ts";
import type { StorageNode } from "../../src/node/storage-node.ts";
import { decodeClock } from "../../src/versions/clock-encoding.ts";
import type { VectorClock } from "../../src/versions/vector-clock.ts";

export interface ScannedRecord {
  readonly key: string;
  readonly value: Uint8Array;
  readonly clock: VectorClock;
  readonly timestampSeconds: number;
  readonly siblingCount: number;
}

export interface ScannedChunk {
  readonly records: readonly ScannedRecord[];
  readonly resumeKey: string | undefined;
}

/** The chunks of `node.scan`, each with copies of what the scan has shown for it. */
export function scanNode(
  node: StorageNode,
  request: ScanRequest,
  signal?: AbortSignal,
): AsyncGenerator<ScannedChunk, void, void> {
  let records: ScannedRecord[] = [];
  const chunks = node.scan(
    request,
    (key, { value, clock, timestampSeconds, siblingCount }) =>
      records.push({
        key: readUtf8(key.bytes, key.start, key.length)!,
        value: value.copy(),
        clock: decodeClock(clock.bytes, clock.start, clock.length)!,
        timestampSeconds,
        siblingCount,
      }),
    signal,
  );
  return gather();

  async function* gather(): AsyncGenerator<ScannedChunk, void, void> {
    for await (const { resumeKey } of chunks) {
      const chunk = records;
      records = [];
      yield {
        records: chunk,
        resumeKey: resumeKey === undefined ? undefined : readUtf8(resumeKey, 0, resumeKey.length),
      };
    }
  }
}
