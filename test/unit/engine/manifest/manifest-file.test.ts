import { describe, expect, test } from "bun:test";
import { StorageError } from "../../../../src/base/errors.ts";
import {
  headerSizeBytes,
  ManifestWriter,
  scanManifest,
  slotSizeBytes,
} from "../../../../src/engine/manifest/manifest-file.ts";
import type { VersionEdit } from "../../../../src/engine/manifest/version-edit.ts";
import { keepAll, keepNone } from "../../../../src/platform/crash.ts";
import { FaultFileSystem } from "../../../../src/platform/fault.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { crashPolicies } from "../../../support/crash-policies.ts";
import { readWhole, writeWhole } from "../../../support/whole-file.ts";
import { fullEdit, tableMetadata } from "./manifest-support.ts";

const path = "/MANIFEST-000005";
const identity = { manifestNumber: 5, storeId: new Uint8Array(16).fill(0xab) };

/** Of many sizes, so that slots fall on all places of a sector. */
const edits: VersionEdit[] = [
  fullEdit(),
  {},
  ...Array.from({ length: 30 }, (_, i) => ({
    addedTables: [tableMetadata(i + 20)],
    nextFileNumber: 400 + i,
  })),
  { holders: [{ name: "x".repeat(700), segmentNumber: 9 }] },
  { damageAcknowledged: true },
];

async function writeEdits(files: MemoryFileSystem, list = edits): Promise<ManifestWriter> {
  const writer = ManifestWriter.create(files, path, identity);
  for (const edit of list) await writer.append(edit);
  return writer;
}

const editsIn = (files: MemoryFileSystem, name = path) =>
  scanManifest(files, name).records.map(({ edit }) => edit);

describe("a manifest", () => {
  test("gives back its identity and its edits", async () => {
    const files = new MemoryFileSystem();
    const writer = await writeEdits(files);
    const scan = scanManifest(files, path);
    expect(scan.problem).toBeUndefined();
    expect(scan.identity).toEqual(identity);
    expect(scan.records.map(({ edit }) => edit)).toEqual(edits);
    expect(scan.records.map(({ number }) => number)).toEqual(edits.map((_, i) => i));
    expect(scan.sizeBytes).toBe(writer.sizeBytes);
  });

  test("has every slot inside one sector", async () => {
    const files = new MemoryFileSystem();
    await writeEdits(files);
    const crossing = scanManifest(files, path).records.filter(
      ({ offset }) => Math.floor(offset / 512) !== Math.floor((offset + slotSizeBytes - 1) / 512),
    );
    expect(crossing).toEqual([]);
  });

  test("cut at any byte gives the records before the cut, or is refused", async () => {
    const files = new MemoryFileSystem();
    await writeEdits(files);
    const whole = readWhole(files, path);
    const { records } = scanManifest(files, path);
    for (let length = 0; length < whole.length; length++) {
      writeWhole(files, "/cut", whole.slice(0, length));
      const { problem, records: found } = scanManifest(files, "/cut");
      const before = records.filter(({ offset }) => offset + slotSizeBytes <= length);
      const last = before.at(-1);
      const cutsPayload = last !== undefined && last.offset + slotSizeBytes + last.payloadSizeBytes > length;
      expect(problem !== undefined).toBe(length < headerSizeBytes || cutsPayload);
      expect(found).toEqual(cutsPayload ? before.slice(0, -1) : before);
    }
  });

  test("with any bit flipped gives the whole prefix up to it and a refusal, or is the same", async () => {
    const files = new MemoryFileSystem();
    await writeEdits(files, edits.slice(0, 8));
    const whole = readWhole(files, path);
    const { records } = scanManifest(files, path);
    const checked = (offset: number) =>
      offset < headerSizeBytes ||
      records.some((r) => offset >= r.offset && offset < r.offset + slotSizeBytes + r.payloadSizeBytes);
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const offset = bit >> 3;
      const damaged = whole.slice();
      damaged[offset]! ^= 1 << (bit & 7);
      writeWhole(files, "/flipped", damaged);
      const { problem, records: found } = scanManifest(files, "/flipped");
      expect(problem?.code).toBe(checked(offset) ? "CORRUPTED_DATA" : undefined);
      const intact = records.filter(
        (r) => !checked(offset) || r.offset + slotSizeBytes + r.payloadSizeBytes <= offset,
      );
      expect(found).toEqual(offset < headerSizeBytes ? [] : intact);
    }
  });

  test("says where it is damaged", async () => {
    const files = new MemoryFileSystem();
    await writeEdits(files);
    const whole = readWhole(files, path);
    const { offset } = scanManifest(files, path).records[3]!;
    whole[offset + 5]! ^= 1;
    writeWhole(files, path, whole);
    const { problem } = scanManifest(files, path);
    expect(problem).toMatchObject({ code: "CORRUPTED_DATA", file: path, offset });
    expect(problem!.message).toBe(`${path} at byte ${offset}: the slot of record 3 is damaged`);
  });

  test("does not take a record of another place or another manifest for its own", async () => {
    const files = new MemoryFileSystem();
    await writeEdits(files, [{}, {}, {}]);
    const bytes = readWhole(files, path);
    const second = bytes.slice(96, 128);
    bytes.set(second, 128);
    writeWhole(files, "/repeated", bytes);
    expect(scanManifest(files, "/repeated").problem!.message).toContain("record 2 is missing");

    const other = ManifestWriter.create(files, "/other", { ...identity, manifestNumber: 6 });
    for (const edit of [{}, {}]) await other.append(edit);
    const foreign = readWhole(files, "/other");
    foreign.set(second, 96);
    writeWhole(files, "/other", foreign);
    expect(scanManifest(files, "/other").problem!.message).toContain("record 1 is missing");
  });

  test("of a newer format is refused as such, not as damaged", async () => {
    const files = new MemoryFileSystem();
    await writeEdits(files, [{}]);
    const bytes = readWhole(files, path);
    bytes[8] = 2;
    new DataView(bytes.buffer).setUint32(60, Bun.hash.crc32(bytes.slice(0, 60)), true);
    writeWhole(files, path, bytes);
    const { problem } = scanManifest(files, path);
    expect(problem!.code).toBe("INVALID_ARGUMENT");
    expect(problem!.message).toMatch(/has manifest format 2, this program reads 1: use a newer pairdb-node/);
  });

  test("that the disk cannot read is damaged; one that may not be read is an error", async () => {
    const memory = new MemoryFileSystem();
    await writeEdits(memory);
    const failing = (code: string) =>
      new FaultFileSystem(memory, ({ kind }) => (kind === "read" ? code : undefined));
    expect(scanManifest(failing("EIO"), path).problem!.code).toBe("CORRUPTED_DATA");
    expect(() => scanManifest(failing("EACCES"), path)).toThrow("EACCES");
  });
});

describe("appending", () => {
  test("syncs the payload before the slot, and the slot before it is acknowledged", async () => {
    const files = new MemoryFileSystem();
    const writer = await writeEdits(files, [{}]);
    const steps: string[] = [];
    files.onOperation = ({ kind }) => steps.push(kind);
    await writer.append(fullEdit());
    expect(steps).toEqual(["write", "sync", "write", "sync"]);
  });

  test("keeps, after a crash at any operation, the acknowledged edits or one more, never a damaged one", async () => {
    const files = new MemoryFileSystem();
    let acknowledged = 0;
    let crashes = 0;
    const writer = await writeEdits(files, edits.slice(0, 1));
    await files.syncDirectory("/");
    acknowledged = 1;
    const crash = () => {
      for (const policy of crashPolicies(files, crashes++, 4)) {
        const scan = scanManifest(files.crashClone(policy), path);
        expect([policy.name, scan.problem]).toEqual([policy.name, undefined]);
        const found = scan.records.map(({ edit }) => edit);
        expect(found).toEqual(edits.slice(0, found.length));
        expect([acknowledged, acknowledged + 1]).toContain(found.length);
      }
    };
    files.onOperation = crash;
    for (const edit of edits.slice(1)) {
      await writer.append(edit);
      acknowledged++;
      crash();
      expect(editsIn(files.crashClone(keepNone))).toHaveLength(acknowledged);
    }
    expect(crashes).toBe(5 * (edits.length - 1));
  });

  test("a full disk leaves the manifest as it was, for a later and shorter record too", async () => {
    const memory = new MemoryFileSystem();
    const files = new FaultFileSystem(memory, undefined, { shortWrites: true });
    const writer = ManifestWriter.create(files, path, identity);
    await writer.append(edits[0]!);
    files.injector = ({ kind }) => (kind === "write" ? "ENOSPC" : undefined);
    const refused = await writer.append(edits.at(-2)!).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StorageError);
    expect((refused as StorageError).code).toBe("DISK_FULL");
    files.injector = () => undefined;
    await writer.append({ nextFileNumber: 9 });
    await writer.append({});
    for (const clone of [memory, memory.crashClone(keepAll)]) {
      expect(editsIn(clone)).toEqual([edits[0]!, { nextFileNumber: 9 }, {}]);
      expect(scanManifest(clone, path).problem).toBeUndefined();
    }
  });

  test("begins with a header, and holds no file open where that cannot be written", () => {
    const memory = new MemoryFileSystem();
    const files = new FaultFileSystem(memory, ({ kind }) => (kind === "write" ? "EIO" : undefined));
    expect(() => ManifestWriter.create(files, path, identity)).toThrow("EIO");
    expect(memory.openFileCount).toBe(0);
  });

  test("passes on what else the disk answers", async () => {
    for (const kind of ["write", "sync"] as const) {
      const files = new FaultFileSystem(new MemoryFileSystem());
      const writer = ManifestWriter.create(files, path, identity);
      await writer.append({});
      files.injector = (operation) => (operation.kind === kind ? "EIO" : undefined);
      await expect(writer.append({})).rejects.toThrow("EIO");
    }
  });
});
