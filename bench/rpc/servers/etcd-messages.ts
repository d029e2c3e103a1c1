/** The few messages of etcd's KV service that the benchmark needs, by its field numbers. */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** `PutRequest`: key = 1, value = 2. */
export function putRequest(key: string, value: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(1, WireType.LengthDelimited).string(key).tag(2, 2).bytes(value).finish();
}

/** `RangeRequest`: key = 1, serializable = 7. */
export function rangeRequest(key: string, isSerializable: boolean): Uint8Array {
  const writer = new BinaryWriter().tag(1, WireType.LengthDelimited).string(key);
  if (isSerializable) writer.tag(7, WireType.Varint).bool(true);
  return writer.finish();
}

/** The value of the only entry: `RangeResponse` has kvs = 2, and `KeyValue` value = 5. */
export function valueOfRange(message: Uint8Array): Uint8Array {
  return field(field(message, 2), 5);
}

function field(message: Uint8Array, number: number): Uint8Array {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [found, wireType] = reader.tag();
    if (found === number && wireType === WireType.LengthDelimited) return reader.bytes();
    reader.skip(wireType, found);
  }
  throw new Error(`the answer has no field ${number}`);
}
