import { expect, test } from "bun:test";
import fc from "fast-check";
import { Uploads } from "../../../src/load/uploads.ts";

interface Sent {
  readonly streamId: number;
  readonly bytes: number[];
  readonly isLast: boolean;
}

function recorded(): { uploads: Uploads; sent: Sent[] } {
  const sent: Sent[] = [];
  const uploads = new Uploads((streamId, body, start, end, isLast) => {
    sent.push({ streamId, bytes: [...body.subarray(start, end)], isLast });
  });
  return { uploads, sent };
}

test("an empty body is one empty last frame", () => {
  const { uploads, sent } = recorded();
  uploads.begin(1, new Uint8Array(0));
  expect(sent).toEqual([{ streamId: 1, bytes: [], isLast: true }]);
});

test("a body that was answered already is not sent on", () => {
  const { uploads, sent } = recorded();
  uploads.setStreamWindow(1);
  uploads.begin(1, Uint8Array.of(1, 2));
  uploads.end(1);
  uploads.grow(1, 10);
  expect(sent).toEqual([{ streamId: 1, bytes: [1], isLast: false }]);
});

test("however windows open, each body arrives whole, in frames of the size allowed, within the windows", () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 1, maxLength: 5 });
  const grants = fc.array(fc.tuple(fc.nat(5), fc.integer({ min: 1, max: 20 })), { maxLength: 60 });
  fc.assert(
    fc.property(
      bodies,
      grants,
      fc.nat(30),
      fc.integer({ min: 1, max: 16 }),
      (all, opened, window, maxFrame) => {
        const { uploads, sent } = recorded();
        uploads.setMaxFrame(maxFrame);
        uploads.setStreamWindow(window);
        const granted = all.map(() => window);
        // A body is the caller's again once `begin` has returned.
        for (const [index, body] of all.entries()) {
          const lent = body.slice();
          uploads.begin(2 * index + 1, lent);
          lent.fill(255);
        }
        const bytesOf = (index: number) =>
          sent.filter(({ streamId }) => streamId === 2 * index + 1).flatMap(({ bytes }) => bytes);
        const check = (): void => {
          for (const index of all.keys()) expect(bytesOf(index).length).toBeLessThanOrEqual(granted[index]!);
        };
        check();
        for (const [stream, bytes] of opened) {
          if (stream >= all.length) continue;
          granted[stream]! += bytes;
          uploads.grow(2 * stream + 1, bytes);
          check();
        }
        uploads.setStreamWindow(window + 50);
        for (const { bytes } of sent) expect(bytes.length).toBeLessThanOrEqual(maxFrame);
        for (const [index, body] of all.entries()) {
          expect(bytesOf(index)).toEqual([...body]);
          const ends = sent.filter(({ streamId, isLast }) => isLast && streamId === 2 * index + 1);
          expect(ends).toHaveLength(1);
        }
      },
    ),
  );
});

test("the connection's window bounds all streams together", () => {
  const { uploads, sent } = recorded();
  uploads.setMaxFrame(1 << 20);
  uploads.setStreamWindow(1 << 20);
  uploads.begin(1, new Uint8Array(65_000));
  uploads.begin(3, new Uint8Array(1000));
  expect(sent.map(({ streamId, bytes, isLast }) => [streamId, bytes.length, isLast])).toEqual([
    [1, 65_000, true],
    [3, 535, false],
  ]);
  uploads.grow(0, 400);
  uploads.grow(0, 400);
  expect(sent.slice(2).map(({ bytes, isLast }) => [bytes.length, isLast])).toEqual([
    [400, false],
    [65, true],
  ]);
});
