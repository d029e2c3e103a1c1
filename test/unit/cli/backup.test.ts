import { expect, test } from "bun:test";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Engine } from "../../../src/engine/engine.ts";
import { entryKinds } from "../../../src/engine/internal-key.ts";
import { silentObserver } from "../../../src/engine/observer.ts";
import { engineOptions } from "../../../src/engine/options.ts";
import { InlineRunner } from "../../../src/engine/workers/inline.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemRandom } from "../../../src/platform/random.ts";
import { realFileSystem as files } from "../../../src/platform/real.ts";
import { command } from "../../support/command-line.ts";
import { lookUp } from "../../support/store-history.ts";
import { temporaryFolder } from "../../support/temp-folder.ts";

const folder = temporaryFolder();
const directory = join(folder, "data");
const target = join(folder, "backups");
const clock = { ...systemClock };

async function withEngine<T>(dataDirectory: string, act: (engine: Engine) => T | Promise<T>): Promise<T> {
  const environment = { files, clock, random: systemRandom, observer: silentObserver };
  const engine = await Engine.open(environment, engineOptions(dataDirectory), new InlineRunner(files, clock));
  try {
    return await act(engine);
  } finally {
    await engine.close();
  }
}

const put = (key: string) =>
  withEngine(directory, (engine) => {
    const bytes = Buffer.from(key);
    return engine.put(bytes, bytes.length, entryKinds.value, bytes, bytes.length).durable;
  });

async function run(...args: string[]) {
  const { exitCode, stdout, stderr } = await command(["backup", ...args], {
    clock,
    createJobRunner: () => new InlineRunner(files, clock),
  });
  return { exitCode, stdout: Buffer.from(stdout).toString(), stderr };
}

const json = async (...args: string[]) => JSON.parse((await run(...args, "--json")).stdout);

test("a stopped node's store is backed up, listed, verified, pruned and restored", async () => {
  await put("shop:first");
  const first = await json("create", directory, "--target", target);
  expect(first).toMatchObject({ sequence: 1, sent_bytes: first.size_bytes });
  await put("blog:second");
  const created = await run("create", directory, "--target", target);
  expect([created.exitCode, created.stdout]).toEqual([
    0,
    expect.stringMatching(/^\d{8}T\d{6}Z-[0-9a-f]{8}\n$/),
  ]);
  const { backups } = await json("list", "--target", target);
  expect(backups.map(({ sequence }: { sequence: number }) => sequence)).toEqual([1, 2]);
  expect((await run("list", "--target", target)).stdout).toContain(`${created.stdout.trim()}  `);
  expect(await run("verify", "--target", target)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^clean: 2 backups/),
  });

  const one = join(folder, "one");
  expect(await run("restore", one, "--target", target, "--backup", first.id, "--verify")).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining(`${first.id}: 1 tables`),
    stderr: expect.stringContaining("clean"),
  });
  expect(await withEngine(one, (engine) => lookUp(engine, "blog:second"))).toBeUndefined();
  const blog = join(folder, "blog");
  expect(await json("restore", blog, "--target", target, "--tenant", "blog")).toMatchObject({ sequence: 2 });
  const found = await withEngine(blog, (engine) => [
    lookUp(engine, "shop:first"),
    lookUp(engine, "blog:second"),
  ]);
  expect(found).toEqual([undefined, expect.any(String)]);

  expect(await json("prune", "--target", target, "--keep-last", "1")).toMatchObject({
    removed: [first.id],
    kept_count: 1,
  });
  const [object] = readdirSync(join(target, "objects"));
  rmSync(join(target, "objects", object!));
  expect(await run("verify", "--target", target)).toMatchObject({
    exitCode: 1,
    stdout: expect.stringContaining("is missing"),
  });
});

test("what is wrong with a command line is told before anything is done", async () => {
  expect(await run("prune", "--target", target)).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("--keep-last"),
  });
  for (const rule of [
    ["--keep-within", "7d"],
    ["--keep-within", ""],
    ["--keep-last", ""],
    ["--keep-last", "-1"],
  ]) {
    expect(await run("prune", "--target", target, ...rule)).toMatchObject({ exitCode: 2 });
  }
  expect(await run("restore", join(folder, "new"), "--target", join(folder, "none"))).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("there is no backup"),
  });
  expect(await run("verify", "--target", join(folder, "none"))).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("there is no backup"),
  });
  expect(await run("create", join(folder, "none"), "--target", target)).toMatchObject({ exitCode: 2 });
});

test("a backup that is older than deletions last is warned of", async () => {
  const old = { ...clock, nowMs: () => systemClock.nowMs() + 11 * 24 * 3_600_000 };
  const directories = [join(folder, "old"), join(folder, "older")];
  const outcomes = await Promise.all(
    [[], ["--gc-grace", "480h"]].map((more, index) =>
      command(["backup", "restore", directories[index]!, "--target", target, ...more], { clock: old }),
    ),
  );
  expect(outcomes.map(({ stderr }) => stderr.includes("warning: the backup is 11 d old"))).toEqual([
    true,
    false,
  ]);
});
