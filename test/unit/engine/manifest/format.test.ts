import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { StorageError } from "../../../../src/base/errors.ts";
import { decodeEdit, encodeEdit } from "../../../../src/engine/manifest/format.ts";
import type { VersionEdit } from "../../../../src/engine/manifest/version-edit.ts";
import { fullEdit } from "./manifest-support.ts";

const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const bytes = fc.uint8Array({ maxLength: 40 });
const text = fc.string({ unit: "binary", maxLength: 20 });

const table = fc.record({
  level: fc.nat(4),
  fileNumber: number,
  sizeBytes: number,
  entryCount: number,
  tombstoneCount: number,
  smallestSequence: number,
  largestSequence: number,
  uncompressedSizeBytes: number,
  createdAtMs: number,
  smallestKey: bytes,
  largestKey: bytes,
  deletionsAppliedThrough: number,
});
const rangeDeletion = fc.record({
  sequence: number,
  start: bytes,
  end: fc.option(fc.uint8Array({ minLength: 1, maxLength: 40 }), { nil: undefined }),
});
const damage = fc.record({
  file: text,
  offset: number,
  lengthBytes: number,
  message: text,
  foundAtMs: number,
});

/** Lists are left out rather than empty: that is how they are read back. */
const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { minLength: 1, maxLength: 4 });

const edits: fc.Arbitrary<VersionEdit> = fc.record(
  {
    nextFileNumber: number,
    oldestSegmentNumber: number,
    flushedThroughSequence: number,
    sequenceHighWater: number,
    removedTables: list(fc.record({ level: fc.nat(4), fileNumber: number })),
    addedTables: list(table),
    addedRangeDeletions: list(rangeDeletion),
    droppedHolders: list(text),
    holders: list(fc.record({ name: text, segmentNumber: number })),
    damageAcknowledged: fc.constant(true),
    damage: list(damage),
    isDraining: fc.boolean(),
  },
  { requiredKeys: [] },
);

describe("an edit as bytes", () => {
  test("comes back as it was", () => {
    fc.assert(
      fc.property(edits, (edit) => {
        expect(decodeEdit(encodeEdit(edit), "m", 0)).toEqual(edit);
      }),
    );
  });

  test("keeps a text that begins with a byte order mark", () => {
    const edit = { droppedHolders: ["\ufeffstream"] };
    expect(decodeEdit(encodeEdit(edit), "m", 0)).toEqual(edit);
  });

  test("is corruption where a flag is neither 0 nor 1", () => {
    expect(() => decodeEdit(Uint8Array.of(12, 2), "MANIFEST-000001", 64)).toThrow(
      "MANIFEST-000001 at byte 64",
    );
  });

  test("leaves out what changes nothing", () => {
    expect(encodeEdit({ addedTables: [], damageAcknowledged: false, holders: [] })).toHaveLength(0);
  });

  test("is corruption when it is cut inside a field", () => {
    const payload = encodeEdit({ addedTables: fullEdit().addedTables! });
    const borders = [
      0,
      encodeEdit({ addedTables: fullEdit().addedTables!.slice(0, 1) }).length,
      payload.length,
    ];
    for (let length = 0; length <= payload.length; length++) {
      const decode = () => decodeEdit(payload.slice(0, length), "MANIFEST-000001", 64);
      if (borders.includes(length)) expect(decode).not.toThrow();
      else expect(decode).toThrow("MANIFEST-000001 at byte 64");
    }
  });

  test("with a field of a later version is refused, and the way out named", () => {
    const payload = new Uint8Array([...encodeEdit({ nextFileNumber: 5 }), 99, 1]);
    expect(() => decodeEdit(payload, "m", 0)).toThrow(
      /field 99 is not of manifest format 1.*newer pairdb-node/,
    );
    try {
      decodeEdit(payload, "m", 0);
    } catch (error) {
      expect((error as StorageError).code).toBe("INVALID_ARGUMENT");
    }
    expect.assertions(2);
  });
});
