import { expect, test } from "bun:test";
import { FileWindow } from "../../../../src/engine/commit-log/file-window.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";

const sizeBytes = 3 * 2 ** 20 + 5;
const needle = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

function windowOver(bytes: Uint8Array): FileWindow {
  const files = new MemoryFileSystem();
  const file = files.open("/file", "create");
  file.writeAt(bytes, 0);
  return new FileWindow(file);
}

test("bytes are found wherever they begin, across what is read at a time too", () => {
  for (const position of [0, 1, 2 ** 20 - 8, 2 ** 20 - 4, 2 ** 20, 2 ** 21 - 1, sizeBytes - 8]) {
    const bytes = new Uint8Array(sizeBytes);
    bytes.set(needle, position);
    const window = windowOver(bytes);
    expect(window.indexOf(needle, 0)).toBe(position);
    expect(window.indexOf(needle, position)).toBe(position);
    expect(window.indexOf(needle, position + 1)).toBeUndefined();
  }
});

test("the end of what is not zero is found", () => {
  expect(windowOver(new Uint8Array(sizeBytes)).contentEnd(7)).toBe(7);
  for (const last of [7, 8, 2 ** 20 - 1, 2 ** 20, 2 ** 21 + 12_345, sizeBytes - 1]) {
    const bytes = new Uint8Array(sizeBytes);
    bytes[3] = 1;
    bytes[last] = 1;
    expect(windowOver(bytes).contentEnd(7)).toBe(last + 1);
    expect(windowOver(bytes).contentEnd(last + 1)).toBe(last + 1);
  }
});
