import { expect, test } from "bun:test";
import { Slice } from "../../../../src/base/bytes.ts";
import { RecordBatch } from "../../../../src/migration/streams/record-batch.ts";
import { SendWindow } from "../../../../src/migration/streams/send-window.ts";
import { encodedRecordLength, encodeRecord, type VersionedRecord } from "../../../../src/versions/record.ts";
import { clockFrom } from "../../../../src/versions/vector-clock.ts";

function batchOf(valueBytes: number): RecordBatch {
  const clock = clockFrom([{ nodeId: "n", timestamp: 1n }]);
  const value = new Slice(new Uint8Array(valueBytes));
  const record: VersionedRecord = [{ clock, timestampSeconds: 1, isTombstone: false, value }];
  const bytes = new Uint8Array(encodedRecordLength(record));
  encodeRecord(record, bytes);
  const batch = new RecordBatch();
  batch.add(new Slice(new TextEncoder().encode("t:k")), new Slice(bytes));
  return batch;
}

function windowOf(maxBatches: number, maxBytes: number) {
  const calls: PromiseWithResolvers<void>[] = [];
  const acknowledged: number[] = [];
  const send = () => {
    const call = Promise.withResolvers<void>();
    calls.push(call);
    return call.promise;
  };
  const window = new SendWindow<number>(send, { maxBatches, maxBytes }, (position) =>
    acknowledged.push(position),
  );
  return { window, calls, acknowledged };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("positions are acknowledged in their order, whichever call ends first", async () => {
  const { window, calls, acknowledged } = windowOf(4, 1 << 20);
  for (const position of [1, 2, 3]) await window.add(batchOf(10), position);
  calls[1]!.resolve();
  calls[2]!.resolve();
  await settled();
  expect(acknowledged).toEqual([]);
  window.mark(9);
  calls[0]!.resolve();
  await window.drain();
  expect(acknowledged).toEqual([1, 2, 9]);
  window.mark(10);
  expect(acknowledged).toEqual([1, 2, 9, 10]);
});

test.each([
  [2, 1 << 20, 10],
  [100, 2100, 1000],
])("no more is on its way than %d batches of %d bytes", async (maxBatches, maxBytes, valueBytes) => {
  const { window, calls } = windowOf(maxBatches, maxBytes);
  await window.add(batchOf(valueBytes), 1);
  await window.add(batchOf(valueBytes), 2);
  const third = window.add(batchOf(valueBytes), 3);
  await settled();
  expect(calls).toHaveLength(2);
  calls[0]!.resolve();
  await third;
  expect(calls).toHaveLength(3);
});

test("after a failure nothing is acknowledged or sent, and everybody hears of it", async () => {
  const { window, calls, acknowledged } = windowOf(4, 1 << 20);
  await window.add(batchOf(10), 1);
  await window.add(batchOf(10), 2);
  calls[1]!.reject(new Error("refused"));
  await settled();
  calls[0]!.resolve();
  await settled();
  expect(acknowledged).toEqual([]);
  await expect(window.add(batchOf(10), 3)).rejects.toThrow("refused");
  await expect(window.drain()).rejects.toThrow("refused");
  expect(() => window.mark(4)).toThrow("refused");
  expect(calls).toHaveLength(2);
});
