import { expect, test } from "bun:test";
import { nextTurn } from "../../../src/base/next-turn.ts";

test("of those who wait, one goes on in each turn, in order", async () => {
  const log: string[] = [];
  const waits = [1, 2, 3].map((number) => nextTurn().then(() => void log.push(`wait ${number}`)));
  const turn = () => {
    log.push("turn");
    if (log.length < 6) setImmediate(turn);
  };
  setImmediate(turn);
  await Promise.all(waits);
  expect(log).toEqual(["wait 1", "turn", "wait 2", "turn", "wait 3"]);
});

test("a wait that begins when others end waits for the next turn", async () => {
  await nextTurn();
  let hasTurned = false;
  setImmediate(() => {
    hasTurned = true;
  });
  await nextTurn();
  expect(hasTurned).toBe(true);
});
