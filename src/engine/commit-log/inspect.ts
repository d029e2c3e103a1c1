/** Looks at segment files without changing them: checks them, and prints them. The node must be stopped. */
import { dirname } from "node:path";
import type { Slice } from "../../base/bytes.ts";
import { StorageError } from "../../base/errors.ts";
import { quoteUtf8 } from "../../base/utf8.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import type { Finding } from "../finding.ts";
import type { FileNumber } from "../internal-key.ts";
import { logEntryKinds, segmentNumberOf } from "./format.ts";
import { type Frame, type ReadReports, readSegments } from "./reader.ts";
import { SegmentReader } from "./segment-reader.ts";

export interface LogFinding extends Finding {
  /** `torn tail`: what an unclean stop leaves; the next start cuts it, and nothing acknowledged was in it. */
  readonly kind: "damage" | "torn tail";
}

export type Progress = (readBytes: number, totalBytes: number) => void;

/** Checks one segment by itself. INVALID_ARGUMENT for a file that is not called like one. */
export function verifySegment(files: FileSystem, path: string, progress?: Progress): LogFinding[] {
  const number = segmentNumberOf(path);
  if (number === undefined) {
    throw new StorageError(
      "INVALID_ARGUMENT",
      `${path} is not called like a commit-log segment (000007.log)`,
    );
  }
  return verifySegments(files, dirname(path), [number], progress);
}

/** Checks segments of a directory, in order, and that none is missing between them. */
export function verifySegments(
  files: FileSystem,
  directory: string,
  numbers: readonly FileNumber[],
  progress: Progress = () => {},
): LogFinding[] {
  const findings: LogFinding[] = [];
  const reports: ReadReports = {
    tornTail: ({ file, offset, lengthBytes }) => {
      const message = `a torn tail of ${lengthBytes} bytes, left by an unclean stop; the next start cuts it`;
      findings.push({ file, offset, message, kind: "torn tail" });
    },
    damage: ({ file, offset, message }) => findings.push({ file, offset, message, kind: "damage" }),
    setAside: () => "",
    progress,
  };
  const source = { files, directory, fromSequence: 0, mode: "skip", nowMs: 0 } as const;
  for (let rest = numbers; rest.length > 0; ) {
    try {
      for (const frame of readSegments({ ...source, numbers: rest }, reports)) while (frame.next());
      break;
    } catch (error) {
      // What cannot be read ends the reading; the segments after it are checked all the same.
      if (!(error instanceof StorageError) || error.file === undefined) throw error;
      findings.push({ file: error.file, offset: error.offset ?? 0, message: error.message, kind: "damage" });
      const failed = segmentNumberOf(error.file);
      rest = rest.filter((number) => failed !== undefined && number > failed);
    }
  }
  return findings;
}

/** Readable lines: the header, then each frame with its entries, then how the segment ends. */
export function* describeSegment(files: FileSystem, path: string): Generator<string> {
  const segment = SegmentReader.open(files, path);
  try {
    yield* describeHeader(segment);
    if (segment.header === undefined) return;
    for (let item = segment.next(); item !== "end"; item = segment.next()) {
      if (item === "damage") yield describeDamage(segment);
      else yield* describeFrame(segment);
    }
    yield `${segment.offset}: end; ${segment.sizeBytes - segment.offset} bytes of preallocated space`;
  } finally {
    segment.close();
  }
}

function* describeHeader({
  header,
  damagedHeaderOffsets,
  path,
  sizeBytes,
}: SegmentReader): Generator<string> {
  yield `${path}: commit-log segment, ${sizeBytes} bytes`;
  for (const offset of damagedHeaderOffsets) yield `${offset}: damaged header`;
  if (header === undefined) return;
  const start = header.firstSequence === 0 ? "continues" : `begins a run at sequence ${header.firstSequence}`;
  yield `0: segment ${header.number}, ${start}, created ${time(header.createdAtMs)}`;
}

function describeDamage({ offset, endOffset, damageWasSynced }: SegmentReader): string {
  const what = damageWasSynced ? "damaged after it had been synced" : "torn tail, or damage";
  return `${offset}: ${endOffset - offset} bytes: ${what}`;
}

function* describeFrame({ frame }: SegmentReader): Generator<string> {
  const { header, offset, firstSequence, entryCount, commitTimeMs } = frame;
  const written = `synced through ${header.syncedThrough}, written ${time(commitTimeMs)}`;
  if (entryCount === 0) {
    const next = frame.nextSegment === 0 ? "end of a run" : `segment ${frame.nextSegment} follows`;
    yield `${offset}: end mark, ${next}, next sequence ${firstSequence}, ${written}`;
    return;
  }
  const last = firstSequence + entryCount - 1;
  yield `${offset}: frame of ${entryCount} entries, sequence ${firstSequence} to ${last}, ${written}`;
  while (frame.next()) yield `  ${frame.sequence} ${describeEntry(frame)}`;
}

function describeEntry({ kind, key, value }: Frame): string {
  if (kind === logEntryKinds.rangeDeletion) {
    return `range deletion from ${quote(key)} up to ${value.length === 0 ? "the end" : quote(value)}`;
  }
  return `${kind === logEntryKinds.tombstone ? "tombstone" : "value"} ${quote(key)} (${value.length} bytes)`;
}

function quote({ bytes, start, length }: Slice): string {
  return quoteUtf8(bytes, start, length);
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
