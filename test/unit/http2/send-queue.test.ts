import { expect, test } from "bun:test";
import fc from "fast-check";
import { ArrayPool, smallArrayBytes } from "../../../src/http2/byte-queue.ts";
import { SendQueue } from "../../../src/http2/send-queue.ts";

/** Each byte tells its place in the whole. */
const content = Uint8Array.from({ length: 1 << 20 }, (_, at) => (at * 31 + (at >>> 8)) & 0xff);

test("what went in comes out, however it is cut", () => {
  const length = fc.oneof(fc.nat(100), fc.nat(200_000));
  const step = fc.record({ isPush: fc.boolean(), length });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const queue = new SendQueue(new ArrayPool());
      let pushed = 0;
      let moved = 0;
      for (const { isPush, length } of steps) {
        if (isPush) {
          const size = Math.min(length, content.length - pushed);
          queue.push(content, pushed, size);
          pushed += size;
        } else {
          const size = Math.min(length, pushed - moved);
          const target = new Uint8Array(size + 2);
          queue.move(target, 1, size);
          expect(Buffer.compare(target.subarray(1, 1 + size), content.subarray(moved, moved + size))).toBe(0);
          expect([target[0], target[size + 1]]).toEqual([0, 0]);
          moved += size;
        }
        expect(queue.length).toBe(pushed - moved);
      }
    }),
  );
});

test("much is held in arrays of the pool, which come back; little takes none", () => {
  const pool = new ArrayPool();
  const known = [pool.take(1), pool.take(1), pool.take(1)];
  for (const array of known) pool.giveBack(array);
  const queue = new SendQueue(pool);
  queue.push(content, 0, 1000);
  const taken = pool.take(1);
  expect(known).toContain(taken);
  pool.giveBack(taken);

  queue.push(content, 0, 2 * smallArrayBytes);
  const left = pool.take(1);
  expect(known).toContain(left);
  expect(known).not.toContain(pool.take(1));
  queue.clear();
  expect(known.filter((array) => array !== left)).toContain(pool.take(1));
});
