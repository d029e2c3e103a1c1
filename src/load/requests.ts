/**
 * The messages of a load, framed for gRPC: encoded once, then only the digits of the key and the bytes of the value change.
 * What a method returns is good until the next call of the same method.
 */
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  ReadRequestSchema,
  ReadResponseSchema,
  ScanRequestSchema,
  WriteRequestSchema,
} from "../gen/storage/storage_node_pb.ts";
import type { Random } from "../platform/random.ts";
import { envelope, envelopePrefixBytes } from "../rpc/envelope.ts";
import { keyNumber } from "./key-choice.ts";

const keyPrefix = "user";
const keyDigits = 10;
const templateKey = keyPrefix + "0".repeat(keyDigits);
/** Values are cut out of one store of random bytes, at as many places. */
const valueOffsets = 65_536;

export const servicePath = "/storage.StorageNodeService";
/** YCSB reads 1 to 100 records with a scan. */
export const maxScanLength = 100;

export function keyOf(record: number): string {
  return keyPrefix + String(keyNumber(record)).padStart(keyDigits, "0");
}

export class Requests {
  readonly #tenantId: string;
  readonly #writerId: string;
  readonly #random: Random;
  readonly #read: Template;
  readonly #write: Template;
  readonly #scans: Template[];
  readonly #valueAt: number;
  readonly #valueBytes: number;
  readonly #values: Buffer;

  /** `writerId` is for the clocks of what is written back after a read; other writes carry none. */
  constructor(tenantId: string, writerId: string, valueBytes: number, random: Random) {
    this.#tenantId = tenantId;
    this.#writerId = writerId;
    this.#random = random;
    this.#valueBytes = valueBytes;
    this.#values = randomBytes(valueBytes + valueOffsets, random);
    this.#read = new Template(ReadRequestSchema, { tenantId, key: templateKey });
    // The value is the message's last field, so it ends where the message ends.
    const value = new Uint8Array(valueBytes);
    this.#write = new Template(WriteRequestSchema, { tenantId, key: templateKey, value });
    this.#valueAt = this.#write.bytes.length - valueBytes;
    this.#scans = Array.from({ length: maxScanLength }, (_, index) => {
      return new Template(ScanRequestSchema, { tenantId, startKey: templateKey, limit: index + 1 });
    });
  }

  read(record: number): Buffer {
    return this.#read.withKey(record);
  }

  write(record: number): Buffer {
    const bytes = this.#write.withKey(record);
    const start = this.#random.uint32() % valueOffsets;
    this.#values.copy(bytes, this.#valueAt, start, start + this.#valueBytes);
    return bytes;
  }

  scan(record: number): Buffer {
    return this.#scans[this.#random.uint32() % maxScanLength]!.withKey(record);
  }

  /** The write that follows an answered read, with a clock that has seen it. */
  writeBack(record: number, answer: Buffer): Buffer {
    const { vectorClock } = fromBinary(ReadResponseSchema, answer.subarray(envelopePrefixBytes));
    const entries = [...(vectorClock?.entries ?? [])];
    const own = entries.find(({ coordinatorNodeId }) => coordinatorNodeId === this.#writerId);
    const logicalTimestamp = (own?.logicalTimestamp ?? 0n) + 1n;
    const others = entries.filter((entry) => entry !== own);
    const clock = { entries: [...others, { coordinatorNodeId: this.#writerId, logicalTimestamp }] };
    const start = this.#random.uint32() % valueOffsets;
    const value = this.#values.subarray(start, start + this.#valueBytes);
    return framed(WriteRequestSchema, {
      tenantId: this.#tenantId,
      key: keyOf(record),
      value,
      vectorClock: clock,
    });
  }
}

/** A message whose key is another one each time. */
class Template {
  readonly bytes: Buffer;
  readonly #digitsAt: number;

  constructor(...message: Parameters<typeof framed>) {
    this.bytes = framed(...message);
    this.#digitsAt = this.bytes.indexOf(templateKey) + keyPrefix.length;
  }

  withKey(record: number): Buffer {
    let rest = keyNumber(record);
    for (let position = this.#digitsAt + keyDigits - 1; position >= this.#digitsAt; position--) {
      const next = Math.floor(rest / 10);
      this.bytes[position] = 48 + rest - 10 * next;
      rest = next;
    }
    return this.bytes;
  }
}

function framed<S extends DescMessage>(schema: S, message: MessageInitShape<S>): Buffer {
  return Buffer.from(envelope(0, toBinary(schema, create(schema, message))).buffer);
}

function randomBytes(length: number, random: Random): Buffer {
  const bytes = Buffer.alloc(Math.ceil(length / 4) * 4);
  for (let position = 0; position < bytes.length; position += 4) {
    bytes.writeUInt32LE(random.uint32(), position);
  }
  return bytes;
}
