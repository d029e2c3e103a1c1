import { expect, test } from "bun:test";
import { WatchedFiles } from "../../../src/platform/watched-files.ts";
import { ManualClock } from "../../support/manual-clock.ts";

function watched() {
  const clock = new ManualClock();
  const file = { text: "1" as string | Error, version: 1, readOnce: () => {} };
  const events: string[] = [];
  let readCount = 0;
  const files = new WatchedFiles({
    read: () => {
      readCount++;
      if (file.text instanceof Error) throw file.text;
      const { text, readOnce } = file;
      file.readOnce = () => {};
      readOnce();
      return text;
    },
    fingerprint: () => String(file.version),
    clock,
    changed: (text, former) => events.push(`${former} to ${text}`),
    refused: (error) => events.push(String(error)),
  });
  return { clock, file, files, events, reads: () => readCount };
}

test("reads what has changed, and nothing else", () => {
  const { clock, file, files, events, reads } = watched();
  clock.advance(10_000);
  expect(reads()).toBe(1);
  file.text = "2";
  clock.advance(1000);
  expect(files.current).toBe("1");
  file.version++;
  clock.advance(10_000);
  expect([files.current, reads()]).toEqual(["2", 2]);
  expect(events).toEqual(["1 to 2"]);
});

test("reads again until it has succeeded, though the files seem to be the same", () => {
  const { clock, file, files, events, reads } = watched();
  file.text = new Error("no rights");
  file.version++;
  clock.advance(5000);
  expect([files.current, reads()]).toEqual(["1", 6]);
  file.text = "2";
  clock.advance(1000);
  expect(files.current).toBe("2");
  expect(events).toEqual(["Error: no rights", "1 to 2"]);
  clock.advance(5000);
  expect(reads()).toBe(7);
});

test("sees what changed while it read, until it is stopped", () => {
  const { clock, file, files } = watched();
  file.text = "2";
  file.version++;
  file.readOnce = () => {
    file.text = "3";
    file.version++;
  };
  clock.advance(1000);
  expect(files.current).toBe("2");
  clock.advance(1000);
  expect(files.current).toBe("3");
  files.stop();
  file.text = "4";
  file.version++;
  clock.advance(5000);
  expect([files.current, clock.pendingTimerCount]).toEqual(["3", 0]);
});
