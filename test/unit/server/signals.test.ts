import { afterEach, expect, test } from "bun:test";
import { onStopSignals } from "../../../src/server/signals.ts";

let events: string[] = [];
let remove: () => void = () => undefined;

afterEach(() => {
  remove();
  events = [];
});

function listen() {
  remove = onStopSignals({
    stop: (signal) => events.push(`stop by ${signal}`),
    stopAtOnce: (signal) => events.push(`stop at once by ${signal}`),
  });
}

test("the first signal asks to stop, any further one at once", () => {
  listen();
  process.emit("SIGTERM", "SIGTERM");
  process.emit("SIGINT", "SIGINT");
  process.emit("SIGTERM", "SIGTERM");
  expect(events).toEqual(["stop by SIGTERM", "stop at once by SIGINT", "stop at once by SIGTERM"]);
});

test("once taken off, the handlers hear nothing", () => {
  const listenersBefore = process.listenerCount("SIGINT");
  listen();
  remove();
  expect(process.listenerCount("SIGINT")).toBe(listenersBefore);
});
