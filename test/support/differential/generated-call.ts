/** Requests of every kind, right and wrong, made from a seed: data alone, so that several servers get the same. */
import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  BatchReadRequestSchema,
  BatchWriteRequestSchema,
  DeleteRequestSchema,
  HealthCheckRequestSchema,
  ReadRequestSchema,
  RepairRequestSchema,
  ScanRequestSchema,
  WriteRequestSchema,
} from "../../../src/gen/storage/storage_node_pb.ts";
import type { Field } from "../../../src/http2/hpack/encoder.ts";
import { Dice } from "../dice.ts";
import { envelope } from "../raw-grpc.ts";
import { randomMetadata } from "./metadata.ts";
import { largeTenant, maxMessageBytes } from "./servers.ts";

export interface GeneratedCall {
  readonly fields: readonly Field[];
  /** The body, as it is cut into DATA frames; empty: HEADERS end the request, unless trailers do. */
  readonly pieces: readonly Uint8Array[];
  /** Of each frame; undefined: none is padded. */
  readonly paddingBytes: number | undefined;
  readonly trailers: readonly Field[] | undefined;
  /** The caller leaves after so many frames; undefined: it stays. */
  readonly cancelAfterFrames: number | undefined;
  /** Writes are not synced before the caller has left. */
  readonly isSyncHeld: boolean;
  /** The caller takes no more of the answer than its first window. */
  readonly isHeldBack: boolean;
}

const service = "/storage.StorageNodeService";

export function generateCall(seed: number): GeneratedCall {
  const dice = new Dice(seed);
  const isCancelled = dice.oneIn(8);
  const isLargeScan = isCancelled && dice.oneIn(3);
  const [method, message] = isLargeScan ? largeScan() : randomMessage(dice);
  const encoding = randomEncoding(dice);
  const pieces = cut(dice, frameMessage(dice, dice.oneIn(10) ? spoil(dice, message) : message, encoding));
  const trailers = dice.oneIn(10) ? randomMetadata(dice, 3) : undefined;
  const fields = randomFields(dice, method, encoding);
  const isSyncHeld = isCancelled && dice.oneIn(2);
  return {
    // Servers that take a write and servers that do not would hold different things ever after.
    fields: writingMethods.has(method) && mayBeTaken(fields) ? usualFields(method) : fields,
    pieces,
    paddingBytes: dice.oneIn(6) ? dice.below(256) : undefined,
    trailers,
    cancelAfterFrames: isCancelled
      ? isLargeScan
        ? pieces.length + 2
        : dice.below(pieces.length + 3)
      : undefined,
    isSyncHeld,
    isHeldBack: isLargeScan,
  };
}

// Messages.

function encode<S extends DescMessage>(schema: S, message: MessageInitShape<S>): Uint8Array {
  return toBinary(schema, create(schema, message));
}

function largeScan(): [method: string, message: Uint8Array] {
  return ["Scan", encode(ScanRequestSchema, { tenantId: largeTenant })];
}

const tenants = ["t", "t", "t", "u", "", "a:b", "ü", "x".repeat(200)];

function randomMessage(dice: Dice): [method: string, message: Uint8Array] {
  const tenantId = dice.pick(tenants);
  const key = dice.pick(["a", "b", "c", "d", "", "k/ü", "\u0000", "k".repeat(2000), `k${dice.below(100)}`]);
  const value = dice.bytes(dice.pick([0, 1, 10, 1000, 5000]));
  const entry = () => ({
    coordinatorNodeId: dice.pick(["n", "m", "", "self"]),
    logicalTimestamp: BigInt(dice.pick([0, 1, 2, 3, dice.below(1000), -1])),
  });
  const vectorClock = { entries: Array.from({ length: dice.pick([0, 0, 1, 2, 3]) }, entry) };
  switch (dice.below(11)) {
    case 0:
    case 1:
      return ["Read", encode(ReadRequestSchema, { tenantId, key, includeSiblings: dice.oneIn(2) })];
    case 2:
    case 3:
      return ["Write", encode(WriteRequestSchema, { tenantId, key, value, vectorClock })];
    case 4:
      return ["Delete", encode(DeleteRequestSchema, { tenantId, key, vectorClock })];
    case 5:
      return ["Repair", encode(RepairRequestSchema, { tenantId, key, value, vectorClock })];
    case 6: {
      const limit = dice.pick([0, 1, 2, 1_000_000]);
      const prefix = dice.pick(["", "", "k"]);
      const [startKey, endKey] = dice.pick([
        ["", ""],
        ["", ""],
        ["a", "c"],
        ["c", "a"],
      ]) as [string, string];
      const range = { tenantId, limit, prefix, startKey, endKey };
      return ["Scan", encode(ScanRequestSchema, { ...range, keysOnly: dice.oneIn(2) })];
    }
    case 7:
      return ["BatchWrite", randomBatch(dice)];
    case 8: {
      const keys = Array.from({ length: dice.below(6) }, () => dice.pick(batchKeys));
      return [
        "BatchRead",
        encode(BatchReadRequestSchema, { tenantId, keys, includeSiblings: dice.oneIn(2) }),
      ];
    }
    default:
      return ["HealthCheck", encode(HealthCheckRequestSchema, {})];
  }
}

const batchKeys = ["a", "b", "c", "k/ü", "absent", "k1", "k2"];

/** Mostly of entries that are as they should be. */
function randomBatch(dice: Dice): Uint8Array {
  const entry = () => {
    const isTombstone = dice.oneIn(4);
    return {
      tenantId: dice.oneIn(30) ? "" : "t",
      key: dice.oneIn(30) ? "" : dice.pick(batchKeys),
      value: isTombstone ? new Uint8Array(0) : dice.bytes(dice.pick([0, 1, 100, 20_000])),
      isTombstone,
      timestamp: BigInt(dice.pick([0, 1_600_000_000, 1_600_000_000, -1])),
      vectorClock: {
        entries: dice.oneIn(4)
          ? []
          : [{ coordinatorNodeId: dice.pick(["n", "m"]), logicalTimestamp: BigInt(1 + dice.below(9)) }],
      },
    };
  };
  const entries = Array.from({ length: dice.below(6) }, entry);
  return encode(BatchWriteRequestSchema, { entries, replicated: dice.oneIn(3) });
}

/** Bytes that may be no message any more. */
function spoil(dice: Dice, message: Uint8Array): Uint8Array {
  switch (dice.below(4)) {
    case 0:
      return message.subarray(0, dice.below(message.length + 1));
    case 1:
      return dice.bytes(dice.below(20));
    case 2:
      return new Uint8Array(dice.pick([maxMessageBytes, maxMessageBytes + 1, 2 * maxMessageBytes]));
    default: {
      const spoiled = Uint8Array.from([0, ...message]);
      spoiled[dice.below(spoiled.length)] = dice.below(256);
      return spoiled;
    }
  }
}

// The body.

/** What `grpc-encoding` says; mostly nothing. */
function randomEncoding(dice: Dice): string | undefined {
  if (!dice.oneIn(4)) return undefined;
  return dice.pick(["gzip", "gzip", "gzip", "identity", "deflate", "br", "zz", "", "GZIP"]);
}

function frameMessage(dice: Dice, message: Uint8Array, encoding: string | undefined): Uint8Array {
  const isCompressed = encoding === "gzip" ? !dice.oneIn(4) : dice.oneIn(40);
  const content = isCompressed && !dice.oneIn(6) ? Bun.gzipSync(Uint8Array.from(message)) : message;
  const flags = isCompressed ? 1 : 0;
  if (!dice.oneIn(6)) return envelope(content, flags);
  switch (dice.below(8)) {
    case 0:
      return new Uint8Array(0);
    case 1:
      return Buffer.concat([envelope(content, flags), envelope(content, flags)]);
    case 2:
      return Buffer.concat([envelope(content, flags), dice.bytes(1 + dice.below(8))]);
    case 3:
      return envelope(content, flags, dice.pick([0, content.length + 1, Math.max(0, content.length - 1)]));
    case 4:
      return envelope(content, flags, dice.pick([0xffff_ffff, 0x7fff_ffff, maxMessageBytes + 1]));
    case 5:
      return envelope(content, dice.below(256));
    case 6:
      return envelope(content, flags).subarray(0, dice.below(5 + content.length));
    default:
      return content;
  }
}

function cut(dice: Dice, body: Uint8Array): Uint8Array[] {
  if (body.length === 0) return dice.oneIn(2) ? [] : [body];
  switch (dice.below(4)) {
    case 0:
      return cutEvery(body, body.length < 200 ? 1 : 10_000);
    case 1: {
      const middle = dice.below(body.length + 1);
      return [...cutEvery(body.subarray(0, middle), 10_000), ...cutEvery(body.subarray(middle), 10_000)];
    }
    case 2:
      return [...cutEvery(body, 10_000), new Uint8Array(0)];
    default:
      return cutEvery(body, 10_000);
  }
}

function cutEvery(body: Uint8Array, length: number): Uint8Array[] {
  const count = Math.max(1, Math.ceil(body.length / length));
  return Array.from({ length: count }, (_, index) => body.subarray(index * length, (index + 1) * length));
}

// The fields.

const writingMethods = new Set(["Write", "Delete", "Repair", "BatchWrite"]);

/** Not to be taken (RFC 9113, section 8.2.1 and 8.3.1): a value with blanks at its ends, a path with a fragment. */
export function isMalformed(fields: readonly Field[]): boolean {
  return fields.some(([name, value]) => value !== value.trim() || (name === ":path" && value.includes("#")));
}

export function isAuthorityMissing(fields: readonly Field[]): boolean {
  return !URL.canParse(`http://${fieldOf(fields, ":authority")}`);
}

/** The deadline has passed on arrival. */
export function hasExpired(fields: readonly Field[]): boolean {
  return /^(?:0+[HMSmun]|1n)$/.test(fieldOf(fields, "grpc-timeout"));
}

export function fieldOf(fields: readonly Field[], name: string): string {
  return fields.find((field) => field[0] === name)?.[1] ?? "";
}

/** By one server and not by the other. */
function mayBeTaken(fields: readonly Field[]): boolean {
  return isMalformed(fields) || isAuthorityMissing(fields) || hasExpired(fields);
}

function usualFields(method: string): Field[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", `${service}/${method}`],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
  ];
}

const usualContentTypes = ["application/grpc", "application/grpc+proto"];
const otherContentTypes = [
  "application/grpc+json",
  "application/grpc; charset=utf-8",
  "application/grpc+proto; a=b",
  "application/GRPC",
  "application/grpc+thrift",
  "application/grpcx",
  "application/grpc-web",
  "application/grpc-web+proto",
  "application/grpc-web+json",
  "application/proto",
  "application/json",
  "application/connect+proto",
  "application/connect+json",
  "text/plain",
  "",
];

const timeouts = ["1H", "100S", "99999999H", "100000m", "99999999u", "00000001H"];
const oddTimeouts = [
  "0S",
  "0m",
  "1n",
  "",
  "1",
  "S",
  "5x",
  "-1S",
  "+1S",
  "1.5S",
  "1 S",
  " 1S",
  "123456789S",
  "1s",
  "1SS",
  "0x1S",
];

function randomPath(dice: Dice, method: string): string {
  if (!dice.oneIn(16)) return `${service}/${method}`;
  const odd = [
    "/",
    "/storage.StorageNodeService",
    `${service}/`,
    `${service}/FutureMethod`,
    "/a.b.C/D",
    "/health",
    "/metrics",
  ];
  const spelled = [`${service}/${method}/`, `/${service}/${method}`, `${service}/${method.toLowerCase()}`];
  const written = [
    `${service}/${method}?a=b`,
    `${service}/%52ead`,
    `${service}/./${method}`,
    `${service}/${method}#f`,
    "//",
    "*",
  ];
  return dice.pick([...odd, ...spelled, ...written]);
}

function randomFields(dice: Dice, method: string, encoding: string | undefined): Field[] {
  const fields: Field[] = [
    [
      ":method",
      dice.oneIn(24) ? dice.pick(["GET", "PUT", "HEAD", "OPTIONS", "DELETE", "post", "X"]) : "POST",
    ],
    [":scheme", "http"],
    [":path", randomPath(dice, method)],
    [
      ":authority",
      dice.oneIn(30) ? dice.pick(["a b", "[", "127.0.0.1:1", "evil.example", "localhost:x"]) : "localhost",
    ],
  ];
  fields.push(["content-type", dice.pick(dice.oneIn(8) ? otherContentTypes : usualContentTypes)]);
  if (!dice.oneIn(8)) fields.push(["te", "trailers"]);
  if (encoding !== undefined) fields.push(["grpc-encoding", encoding]);
  if (dice.oneIn(5)) {
    fields.push([
      "grpc-accept-encoding",
      dice.pick(["gzip", "identity", "identity,deflate,gzip", "br, gzip", "zz", ""]),
    ]);
  }
  if (dice.oneIn(5)) fields.push(["grpc-timeout", dice.pick(dice.oneIn(2) ? oddTimeouts : timeouts)]);
  if (method === "HealthCheck") fields.push(...randomMetadata(dice, 6), ...wishes(dice));
  else if (dice.oneIn(4)) fields.push(...randomMetadata(dice, 6));
  return fields;
}

/** What the echo is asked for. */
function wishes(dice: Dice): Field[] {
  const text = dice.pick([
    "",
    "plain",
    'für 100 %: "a, b"; c/d?e=f',
    "\n\r\t\u0000",
    "%zz",
    "€".repeat(300),
    "🦊",
  ]);
  switch (dice.below(6)) {
    case 0:
      return [["x-fail", `${1 + dice.below(16)}:${encodeURIComponent(text)}`]];
    case 1:
      return [["x-throw", "sstables/000012.sst"]];
    case 2:
      return [["x-answer-bytes", String(dice.pick([1, 1000, 1024, 16_384, 70_000, 300_000]))]];
    default:
      return [];
  }
}
