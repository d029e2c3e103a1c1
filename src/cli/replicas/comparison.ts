/**
 * What differs between two nodes: first by checksums, which take a walk over its records on each and nothing else; then,
 * of the buckets whose checksums differ, by the digests of single records.
 *
 * The nodes are compared while they serve: what is written meanwhile may count as different.
 */
import { StorageError } from "../../base/errors.ts";
import type { GetRangeChecksumResponse } from "../../gen/storage/storage_node_pb.ts";
import { type Difference, joinDigests } from "../../migration/digest-join.ts";
import type { HashRange } from "../../migration/hash-ranges.ts";
import type { DigestChunk } from "../../migration/list-digests.ts";
import { RangeChecksums } from "../../migration/range-checksums.ts";
import { digestBytes } from "../../migration/record-digest.ts";
import { explainCallFailure, type NodeConnection, noTimeoutMs } from "../client.ts";
import { Tries, withTries } from "./tries.ts";

export interface ComparisonScope {
  /** Empty: all tenants. */
  readonly tenantId: string;
  /** None: the whole ring. */
  readonly ranges: readonly HashRange[];
}

/** What both nodes are asked alike. */
interface Question {
  readonly keyRanges: readonly { readonly startHash: bigint; readonly endHash: bigint }[];
  readonly tenantId: string;
  readonly deletedBefore: bigint;
}

export interface Comparison {
  readonly recordsHere: number;
  readonly recordsThere: number;
  readonly isEqual: boolean;
  /** In the order of the keys. */
  differences(): AsyncGenerator<Difference, void, void>;
}

/** Fails at once where a node does not answer; later it is asked again. */
export async function compareNodes(
  here: NodeConnection,
  there: NodeConnection,
  { tenantId, ranges }: ComparisonScope,
  nowMs: number,
): Promise<Comparison> {
  const keyRanges = ringParts(ranges).map(({ start, end }) => ({ startHash: start, endHash: end }));
  const deletedBefore = commonCutOff(await Promise.all([cutOffOf(here), cutOffOf(there)]), nowMs);
  const question = { keyRanges, tenantId, deletedBefore };
  const [ours, theirs] = await Promise.all([checksumsOf(here, question), checksumsOf(there, question)]);
  const buckets = ours.checksums.differingFrom(theirs.checksums);
  const list = { ...question, bucketCount: ours.bucketCount, buckets };
  return {
    recordsHere: ours.checksums.recordCount,
    recordsThere: theirs.checksums.recordCount,
    isEqual: buckets.length === 0,
    async *differences() {
      if (buckets.length > 0) yield* joinDigests(digestsOf(here, list), digestsOf(there, list));
    },
  };
}

/** Into so many the whole ring is cut, so that a bucket that differs has few records. */
const ringPartCount = 64;

function ringParts(ranges: readonly HashRange[]): readonly HashRange[] {
  if (ranges.length > 0) return ranges;
  const size = 2n ** 64n / BigInt(ringPartCount);
  return Array.from({ length: ringPartCount }, (_, i) => {
    const start = BigInt(i) * size;
    return { start, end: BigInt.asUintN(64, start + size) };
  });
}

/** The Unix second before which deleted keys have expired for the node. */
async function cutOffOf(connection: NodeConnection): Promise<number> {
  try {
    const { deletedBefore } = await connection.service.getRangeChecksum({});
    return Number(deletedBefore);
  } catch (error) {
    throw explainCallFailure(error, connection.address);
  }
}

/**
 * A little later than either node's own, so that nothing counts that one of them drops while they are compared: by a
 * tenth of the time that deleted keys are kept, an hour at most.
 */
function commonCutOff(cutOffs: readonly number[], nowMs: number): bigint {
  const latest = Math.max(...cutOffs);
  const marginSeconds = Math.max(0, Math.min(3600, (nowMs / 1000 - latest) / 10));
  return BigInt(Math.ceil(latest + marginSeconds));
}

interface NodeChecksums {
  readonly checksums: RangeChecksums;
  readonly bucketCount: number;
}

async function checksumsOf(connection: NodeConnection, question: Question): Promise<NodeChecksums> {
  const { checksums, bucketCount }: GetRangeChecksumResponse = await withTries(connection, () =>
    connection.service.getRangeChecksum(
      { ...question, keyRanges: [...question.keyRanges] },
      { timeoutMs: noTimeoutMs },
    ),
  );
  return {
    checksums: RangeChecksums.unpack(checksums, question.keyRanges.length * bucketCount),
    bucketCount,
  };
}

interface DigestQuestion extends Question {
  readonly bucketCount: number;
  readonly buckets: readonly number[];
}

/** Goes on behind the last key that came, where the node could not go on for a while. */
async function* digestsOf(
  connection: NodeConnection,
  question: DigestQuestion,
): AsyncGenerator<DigestChunk, void, void> {
  const tries = new Tries(connection);
  const request = { ...question, keyRanges: [...question.keyRanges], buckets: [...question.buckets] };
  for (let afterKey = ""; ; ) {
    try {
      const chunks = connection.service.listRangeDigests(
        { ...request, afterKey },
        { timeoutMs: noTimeoutMs },
      );
      for await (const { keys, digests } of chunks) {
        checkChunk(connection, keys, digests);
        yield { keys, digests };
        afterKey = keys.at(-1)!;
        tries.hasSucceeded();
      }
      return;
    } catch (failure) {
      await tries.next(failure);
    }
  }
}

function checkChunk({ address }: NodeConnection, keys: readonly string[], digests: Uint8Array): void {
  if (keys.length > 0 && digests.length === keys.length * digestBytes) return;
  const message = `${address} sent ${digests.length} bytes of digests for ${keys.length} keys`;
  throw new StorageError("INTERNAL", message);
}
