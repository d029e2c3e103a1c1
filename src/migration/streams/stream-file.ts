/**
 * The file `STREAMS` in the data directory: the streams of a node, so that they go on after a restart.
 *
 *     PAIRDB-STREAMS 1 LENGTH CRC32        one line: format, bytes of the JSON, their CRC32 in hexadecimal
 *     {"streams":[…]}                      see docs/formats/streams.md
 *
 * It is written whole, under another name, synced, and then takes the place of the old one: a crash leaves either. What
 * it says is behind what happened, never ahead: whoever goes on from it sends again what the target has already.
 */
import { z } from "zod";
import { corruption, messageOf } from "../../base/errors.ts";
import { freePath, makeDurableDirectory } from "../../engine/data-directory.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import { type StreamRecord, streamPhases } from "./stream-record.ts";

const magic = "PAIRDB-STREAMS 1";
/** More than the most streams with the most ranges take. */
const maxFileBytes = 64 * 1024 * 1024;

const wholeNumber = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const hash = z
  .string()
  .regex(/^[0-9a-f]{16}$/)
  .transform((digits) => BigInt(`0x${digits}`));

const streamSchema = z.strictObject({
  target: z.strictObject({ nodeId: z.string(), host: z.string(), port: wholeNumber }),
  ranges: z.array(z.strictObject({ start: hash, end: hash })),
  startedAtMs: wholeNumber,
  phase: z.enum(streamPhases),
  failure: z.strictObject({ reason: z.string(), sinceMs: wholeNumber }).optional(),
  isEnded: z.boolean(),
  position: z
    .strictObject({ segmentNumber: wholeNumber, offset: wholeNumber, nextSequence: wholeNumber })
    .optional(),
  copiedThrough: z
    .base64()
    .transform((text) => new Uint8Array(Buffer.from(text, "base64")))
    .optional(),
  counts: z.strictObject({
    keysCopied: wholeNumber,
    bytesCopied: wholeNumber,
    keysStreamed: wholeNumber,
    bytesStreamed: wholeNumber,
    keysRepaired: wholeNumber,
    bytesRepaired: wholeNumber,
  }),
});

const fileSchema = z.strictObject({ streams: z.array(streamSchema) });

export class StreamFile {
  readonly path: string;
  readonly #files: FileSystem;
  readonly #directory: string;

  constructor(files: FileSystem, dataDirectory: string) {
    this.#files = files;
    this.#directory = dataDirectory;
    this.path = `${dataDirectory}/STREAMS`;
  }

  /** None where there is no file. Throws CORRUPTED_DATA for one that was not written so. */
  read(): StreamRecord[] {
    const status = this.#files.status(this.path);
    if (status === undefined) return [];
    if (status.sizeBytes > maxFileBytes)
      throw corruption(this.path, 0, `${status.sizeBytes} bytes are too many`);
    const file = this.#files.open(this.path, "read");
    const bytes = new Uint8Array(status.sizeBytes);
    try {
      file.readAt(bytes, 0);
    } finally {
      file.close();
    }
    return decode(this.path, bytes);
  }

  /** Durable on return; a failure leaves the old file in force. */
  async write(streams: readonly StreamRecord[]): Promise<void> {
    const bytes = encode(streams);
    const staged = `${this.path}.tmp`;
    if (this.#files.status(staged) !== undefined) await this.#files.remove(staged);
    const file = this.#files.open(staged, "create");
    try {
      file.writeAt(bytes, 0);
      await file.sync();
    } finally {
      file.close();
    }
    this.#files.rename(staged, this.path);
    await this.#files.syncDirectory(this.#directory);
  }

  /** Moves a damaged file to `lost/`, so that somebody can look at it. */
  async setAside(): Promise<string> {
    const directory = `${this.#directory}/lost`;
    await makeDurableDirectory(this.#files, directory);
    const target = freePath(this.#files, `${directory}/STREAMS`);
    this.#files.rename(this.path, target);
    await this.#files.syncDirectory(directory);
    await this.#files.syncDirectory(this.#directory);
    return target;
  }
}

function encode(streams: readonly StreamRecord[]): Uint8Array {
  const json = new TextEncoder().encode(`${JSON.stringify({ streams }, replacer)}\n`);
  const head = `${magic} ${json.length} ${Bun.hash.crc32(json).toString(16)}\n`;
  return Buffer.concat([new TextEncoder().encode(head), json]);
}

function replacer(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString(16).padStart(16, "0");
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
}

function decode(path: string, bytes: Uint8Array): StreamRecord[] {
  const headEnd = bytes.indexOf(0x0a) + 1;
  const json = bytes.subarray(headEnd);
  const head = `${magic} ${json.length} ${Bun.hash.crc32(json).toString(16)}\n`;
  if (headEnd === 0 || new TextDecoder().decode(bytes.subarray(0, headEnd)) !== head) {
    throw corruption(path, 0, "its first line does not fit what follows");
  }
  try {
    const { streams } = fileSchema.parse(JSON.parse(new TextDecoder().decode(json)));
    return streams.map((stream) => ({
      ...stream,
      failure: stream.failure,
      position: stream.position,
      copiedThrough: stream.copiedThrough,
    }));
  } catch (error) {
    throw corruption(path, headEnd, messageOf(error));
  }
}
