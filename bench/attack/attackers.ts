/** The process of all attackers: `bun attackers.ts PORT`. Says "ready", and its report when it is told to stop. */
import { errorName } from "../../src/http2/error-codes.ts";
import { AttackConnection } from "./connection.ts";
import { greeting, manyResets, openWindow, readsWithoutReading, resetsPerConnection } from "./frames.ts";
import type { AttackReport } from "./report.ts";

const resetterCount = 200;
const slowReaderCount = 100;
const idleCount = 500;
/** Of each of the resetting connections. */
const reconnectEveryMs = 20;
const trickleEveryMs = 1000;

const port = Number(process.argv[2]);
const endings: Record<string, number> = {};
const slow = { reset: 0, lost: 0, receivedBytes: 0 };
const idle = { lost: 0 };
let resetCount = 0;
let isOver = false;

/** Connects, resets many streams, and again, until the end. */
async function resetForever(): Promise<void> {
  while (!isOver) {
    const startedMs = performance.now();
    const connection = await AttackConnection.open(port);
    connection.send(manyResets);
    await connection.ended;
    if (isOver) return;
    resetCount += resetsPerConnection;
    const ending = connection.goAwayCode === undefined ? "none" : errorName(connection.goAwayCode);
    endings[ending] = (endings[ending] ?? 0) + 1;
    await Bun.sleep(Math.max(0, startedMs + reconnectEveryMs - performance.now()));
  }
}

/** Asks for large answers and takes a few bytes a second of each. */
async function readSlowlyForever(): Promise<void> {
  while (!isOver) {
    const connection = await AttackConnection.open(port);
    connection.send(greeting, readsWithoutReading);
    const trickle = setInterval(() => connection.send(openWindow), trickleEveryMs);
    await connection.ended;
    clearInterval(trickle);
    slow.reset += connection.resetCount;
    slow.receivedBytes += connection.receivedBytes;
    if (isOver) return;
    slow.lost++;
    await Bun.sleep(trickleEveryMs);
  }
}

async function idleForever(): Promise<void> {
  const connection = await AttackConnection.open(port);
  connection.send(greeting);
  await connection.ended;
  if (!isOver) idle.lost++;
}

for (let i = 0; i < idleCount; i++) void idleForever();
for (let i = 0; i < slowReaderCount; i++) void readSlowlyForever();
for (let i = 0; i < resetterCount; i++) void resetForever();
process.on("message", () => {
  isOver = true;
  const report: AttackReport = { endings, resetCount, readSlowly: slow, idle };
  process.send!(report);
  process.disconnect?.();
  process.exit(0);
});
process.send!("ready");
