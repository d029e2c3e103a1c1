/**
 * Loaded into a node before its own code: prints how long its event loop stood still at most in each quarter of a second,
 * as lines `{"stall_ms":…,"until_ms":…}`, the second by the clock of `Date.now`.
 */
import { StallMeter } from "../engine/measure.ts";

const reportMs = 250;
let meter = new StallMeter();
setInterval(() => {
  const stall = { stall_ms: meter.stop(), until_ms: Date.now() };
  meter = new StallMeter();
  process.stdout.write(`${JSON.stringify(stall)}\n`);
}, reportMs);
