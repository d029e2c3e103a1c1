import { expect, test } from "bun:test";
import { Histogram, Registry } from "prom-client";
import { Instruments } from "../../../src/telemetry/instruments.ts";
import { TallyHistogram } from "../../../src/telemetry/tally.ts";

test("a histogram reads as the library's own does", async () => {
  const bounds = [0.5, 1, 10];
  const ours = new Registry();
  const theirs = new Registry();
  const tally = new TallyHistogram("h", "a histogram", bounds);
  ours.registerMetric(tally.asMetric());
  const reference = new Histogram({ name: "h", help: "a histogram", buckets: bounds, registers: [theirs] });
  for (const value of [0, 0.5, 0.75, 1, 3, 10, 11, 1e9]) {
    tally.observe(value);
    reference.observe(value);
  }
  expect(await ours.metrics()).toBe(await theirs.metrics());
});

test("series of a tallied counter count by themselves", async () => {
  const instruments = new Instruments("n1");
  const counter = instruments.tally("things_total", "things");
  const red = counter.cell({ colour: "red" });
  counter.cell({ colour: "blue" });
  red.count += 2;
  expect(await instruments.registry.metrics()).toBe(
    [
      "# HELP pairdb_things_total things",
      "# TYPE pairdb_things_total counter",
      'pairdb_things_total{colour="red",node_id="n1"} 2',
      'pairdb_things_total{colour="blue",node_id="n1"} 0',
      "",
    ].join("\n"),
  );
});
