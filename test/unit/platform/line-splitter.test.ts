import { expect, test } from "bun:test";
import fc from "fast-check";
import { splitLines } from "../../../src/platform/line-splitter.ts";

async function* chunksOf(...chunks: string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk, "latin1");
}

interface ReadLine {
  number: number;
  text: string;
  isTooLong: boolean;
  endOffset: number;
}

async function linesOf(chunks: string[], maxLineBytes = 100): Promise<ReadLine[]> {
  const lines: ReadLine[] = [];
  for await (const { number, bytes, isTooLong, endOffset } of splitLines(chunksOf(...chunks), maxLineBytes)) {
    lines.push({ number, text: Buffer.from(bytes).toString("latin1"), isTooLong, endOffset });
  }
  return lines;
}

const textsOf = async (...chunks: string[]): Promise<string[]> =>
  (await linesOf(chunks)).map(({ text }) => text);

test("lines end at newlines, and at the end of the input", async () => {
  expect(await textsOf()).toEqual([]);
  expect(await textsOf("")).toEqual([]);
  expect(await textsOf("\n")).toEqual([""]);
  expect(await textsOf("a")).toEqual(["a"]);
  expect(await textsOf("a\n")).toEqual(["a"]);
  expect(await textsOf("a\n\nb")).toEqual(["a", "", "b"]);
  expect(await textsOf("a\r\nb")).toEqual(["a\r", "b"]);
});

test("lines carry their number and where they end", async () => {
  expect(await linesOf(["ab\nc", "d\ne"])).toEqual([
    { number: 1, text: "ab", isTooLong: false, endOffset: 3 },
    { number: 2, text: "cd", isTooLong: false, endOffset: 6 },
    { number: 3, text: "e", isTooLong: false, endOffset: 7 },
  ]);
});

test("a line past the limit is shortened and marked; the next one is whole", async () => {
  const lines = await linesOf(["abcd\nabc", "de", "fgh\nab\nabcde"], 4);
  expect(lines.map(({ text, isTooLong }) => [text, isTooLong])).toEqual([
    ["abcd", false],
    ["abcd", true],
    ["ab", false],
    ["abcd", true],
  ]);
  expect(lines.at(-1)?.endOffset).toBe(22);
});

test("property: the cuts between chunks do not matter", async () => {
  const text = fc
    .array(fc.constantFrom("a", "b", "\n", "é"), { maxLength: 60 })
    .map((units) => units.join(""));
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(60)), async (whole, cuts) => {
      const ends = [...cuts.filter((cut) => cut < whole.length), whole.length].sort((a, b) => a - b);
      const chunks = ends.map((end, i) => whole.slice(ends[i - 1] ?? 0, end));
      expect(await linesOf(chunks, 5)).toEqual(await linesOf([whole], 5));
      const expected = whole.split("\n");
      if (expected.at(-1) === "") expected.pop();
      expect((await linesOf(chunks, 1_000)).map((line) => line.text)).toEqual(expected);
    }),
  );
});
