/**
 * Keys move from one node to another while writes go on, and nodes are killed meanwhile: nothing that was acknowledged may
 * be missing at the target in the end, and nothing that was deleted may be back.
 *
 * `PAIRDB_STREAM_KILLS` says how many times nodes are killed; the default is few.
 */
import { describe, expect, test } from "bun:test";
import { runCommand } from "../support/node-process.ts";
import {
  beginStream,
  expectMoved,
  MovingKeys,
  stopStream,
  streamStatus,
  untilState,
  waitFor,
} from "../support/streams/moving-keys.ts";
import { ReplaceableNode } from "../support/streams/replaceable-node.ts";

const killCount = Number(process.env["PAIRDB_STREAM_KILLS"] ?? 3);

describe("a stream between two processes", () => {
  test("moves keys while writes go on, and nodes are killed", async () => {
    const [source, target] = await Promise.all([
      ReplaceableNode.start("source"),
      ReplaceableNode.start("target"),
    ]);
    const route = { source, target };
    const keys = new MovingKeys(source);
    await keys.fill(8000);
    keys.begin(8000);
    await beginStream(route);
    for (let kill = 0; kill < killCount; kill++) {
      const killed = [[source], [target], [source, target]][kill % 3]!;
      await Promise.all(killed.map((node) => node.replace()));
      // Not for the sake of time: the stream has done something since.
      const before = await streamStatus(route);
      await waitFor(async () => {
        const { keysCopied, keysStreamed, state } = await streamStatus(route);
        return state === "completed" || keysCopied + keysStreamed > before.keysCopied + before.keysStreamed;
      }, "the stream to go on");
    }
    await untilState(route, "completed");
    await keys.stop();
    await expectMoved(keys, route);
    const listed = await runCommand(["streams", "--addr", source.node.grpcAddress]);
    expect(listed.stdout).toMatch(
      /^target\tcompleted\t\d+ keys copied \(.* KiB\), \d+ streamed, \d+ repaired, /,
    );
    expect(await stopStream(route)).toMatchObject({ success: true });
    expect((await streamStatus(route)).state).toBe("not_found");
    await source.replace();
    expect((await streamStatus(route)).state).toBe("not_found");
    await beginStream(route);
    await untilState(route, "completed");
    await expectMoved(keys, route);
  }, 600_000);
});
