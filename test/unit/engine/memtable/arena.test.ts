import { describe, expect, test } from "bun:test";
import { Arena, headerWord, headerWordCount, maxArenaBytes } from "../../../../src/engine/memtable/arena.ts";

describe("Arena", () => {
  test("hands out words from the front and bytes from the back until they meet", () => {
    const arena = Arena.create(1024);
    const headerBytes = headerWordCount * 4;
    expect(arena.freeBytes).toBe(1024 - headerBytes);
    expect(arena.allocateWords(3)).toBe(headerWordCount);
    expect(arena.allocateWords(1)).toBe(headerWordCount + 3);
    expect(arena.storeValue(new Uint8Array([1, 2, 3, 4, 5]), 3)).toBe(1021);
    expect(arena.storeValue(new Uint8Array([9]), 1)).toBe(1020);
    expect([...arena.bytes.slice(1020)]).toEqual([9, 1, 2, 3]);
    expect(arena.freeBytes).toBe(1024 - headerBytes - 16 - 4);
  });

  test("stores an empty value without taking room", () => {
    const arena = Arena.create(1024);
    expect(arena.storeValue(new Uint8Array(0), 0)).toBe(1024);
    expect(arena.freeBytes).toBe(1024 - headerWordCount * 4);
  });

  test("rounds its capacity down to whole words", () => {
    expect(Arena.create(1027).capacityBytes).toBe(1024);
  });

  test.each([0, 1023, maxArenaBytes + 1])("refuses a capacity of %d bytes", (capacity) => {
    expect(() => Arena.create(capacity)).toThrow("allowed is 1024 to 2147483648");
  });

  test("keeps its state in the buffer, for whoever opens it", () => {
    const arena = Arena.create(1024);
    arena.allocateWords(5);
    arena.storeValue(new Uint8Array(7), 7);
    const opened = new Arena(arena.buffer);
    expect(opened.freeBytes).toBe(arena.freeBytes);
    expect(opened.allocateWords(1)).toBe(headerWordCount + 5);
  });

  test("forgets everything when reset", () => {
    const arena = Arena.create(1024);
    arena.allocateWords(5);
    arena.storeValue(new Uint8Array(7), 7);
    arena.words[headerWord.entryCount] = 3;
    arena.reset();
    expect(arena.freeBytes).toBe(1024 - headerWordCount * 4);
    expect(arena.words[headerWord.entryCount]).toBe(0);
  });

  test.each([0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52 + 12345, Number.MAX_SAFE_INTEGER])(
    "keeps the integer %d in two words",
    (value) => {
      const arena = Arena.create(1024);
      arena.writeInteger(headerWord.largestSequence, value);
      expect(arena.readInteger(headerWord.largestSequence)).toBe(value);
    },
  );

  test("counts correctly at 2 GiB", () => {
    const arena = Arena.create(maxArenaBytes);
    expect(arena.freeBytes).toBe(maxArenaBytes - headerWordCount * 4);
    expect(arena.storeValue(new Uint8Array([5, 6]), 2)).toBe(maxArenaBytes - 2);
    expect(arena.bytes[maxArenaBytes - 1]).toBe(6);
    const wordCount = (maxArenaBytes - 4096) / 4;
    arena.allocateWords(wordCount);
    expect(arena.allocateWords(1)).toBe(headerWordCount + wordCount);
    expect(arena.freeBytes).toBe(4096 - headerWordCount * 4 - 2 - 4);
  });
});
