import { expect, test } from "bun:test";
import { RegistrationRecord } from "../../../src/peers/registration/registration-record.ts";
import { keepNone } from "../../../src/platform/crash.ts";
import { MemoryFileSystem } from "../../../src/platform/memory.ts";
import { writeWhole } from "../../support/whole-file.ts";

const as = { coordinator: "coordinator:50051", nodeId: "n1" };

test("a registration is noted durably, for one coordinator and one name", async () => {
  const files = new MemoryFileSystem();
  files.makeDirectory("/data");
  await files.syncDirectory("/");
  const record = new RegistrationRecord(files, "/data");
  expect(record.speaksOf(as)).toBe(false);
  await record.write({ ...as, nodeId: "former" });
  await record.write(as);
  const survivor = new RegistrationRecord(files.crashClone(keepNone), "/data");
  expect(survivor.speaksOf(as)).toBe(true);
  expect(survivor.speaksOf({ ...as, nodeId: "n2" })).toBe(false);
  expect(survivor.speaksOf({ ...as, coordinator: "other:50051" })).toBe(false);
});

test.each(["", "null", "7", "{", "[]"])("a note that says %p counts as none", (text) => {
  const files = new MemoryFileSystem();
  files.makeDirectory("/data");
  writeWhole(files, "/data/REGISTERED", new TextEncoder().encode(text));
  expect(new RegistrationRecord(files, "/data").speaksOf(as)).toBe(false);
});
