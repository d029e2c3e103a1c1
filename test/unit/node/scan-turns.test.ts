import { expect, test } from "bun:test";
import { nextTurn } from "../../../src/base/next-turn.ts";
import { nextScanTurn } from "../../../src/node/scan-turns.ts";

test("of those who wait, one goes on in each turn, in order", async () => {
  const log: string[] = [];
  const waits = [1, 2, 3].map((number) => nextScanTurn().then(() => void log.push(`wait ${number}`)));
  const turn = () => {
    log.push("turn");
    if (log.length < 6) setImmediate(turn);
  };
  setImmediate(turn);
  await Promise.all(waits);
  expect(log).toEqual(["wait 1", "turn", "wait 2", "turn", "wait 3"]);
});

test("a wait that begins when others end waits for the next turn", async () => {
  await nextScanTurn();
  let hasTurned = false;
  setImmediate(() => {
    hasTurned = true;
  });
  await nextScanTurn();
  expect(hasTurned).toBe(true);
});

test("whoever is no scan does not wait behind them", async () => {
  let wokenCount = 0;
  const scans = Array.from({ length: 5 }, () => nextScanTurn().then(() => wokenCount++));
  await nextTurn();
  expect(wokenCount).toBeLessThan(2);
  await Promise.all(scans);
});
