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
    announce: () => events.push("announced"),
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

test("a stop that is announced does not count as one", () => {
  listen();
  process.emit("SIGUSR2", "SIGUSR2");
  process.emit("SIGTERM", "SIGTERM");
  expect(events).toEqual(["announced", "stop by SIGTERM"]);
});

test("once taken off, the handlers hear nothing", () => {
  const signals = ["SIGINT", "SIGTERM", "SIGUSR2"];
  const listenerCounts = () => signals.map((signal) => process.listenerCount(signal));
  const before = listenerCounts();
  listen();
  expect(listenerCounts()).not.toEqual(before);
  remove();
  expect(listenerCounts()).toEqual(before);
});
