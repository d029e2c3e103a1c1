import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { errnoOf } from "../../../src/base/errors.ts";
import { createOutput, isBrokenPipe, readChunks } from "../../../src/platform/streams.ts";
import { temporaryFolder } from "../../support/temp-folder.ts";

const root = temporaryFolder();

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

describe("a file that is read", () => {
  test("comes in chunks, in order", async () => {
    const text = Array.from({ length: 300_000 }, (_, i) => `${i}\n`).join("");
    writeFileSync(`${root}/many`, text);
    expect(await textOf(readChunks(`${root}/many`))).toBe(text);
  });

  test("may be left early", async () => {
    for await (const chunk of readChunks(`${root}/many`)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
  });

  test("that is missing, or no file, is reported", async () => {
    expect(errnoOf(await textOf(readChunks(`${root}/none`)).catch((error) => error))).toBe("ENOENT");
    expect(errnoOf(await textOf(readChunks(root)).catch((error) => error))).toBe("EISDIR");
  });
});

describe("a file that is written", () => {
  test("appears under its name when it is whole, and replaces what was there", async () => {
    writeFileSync(`${root}/out`, "longer than what follows".repeat(20_000));
    const before = readFileSync(`${root}/out`, "utf8");
    const output = createOutput(`${root}/out`);
    const large = "x".repeat(200_000);
    for (const chunk of ["a", new Uint8Array([98]), large, "ü"]) await output.write(chunk);
    expect(readFileSync(`${root}/out`, "utf8")).toBe(before);
    await output.close();
    expect(readFileSync(`${root}/out`, "utf8")).toBe(`ab${large}ü`);
    expect(existsSync(`${root}/out.partial`)).toBe(false);
  });

  test("leaves nothing behind when it is given up", async () => {
    const output = createOutput(`${root}/given-up`);
    await output.write("half");
    await output.abort();
    expect([existsSync(`${root}/given-up`), existsSync(`${root}/given-up.partial`)]).toEqual([false, false]);
  });

  test("in a folder that is not there fails, and can be given up", async () => {
    const output = createOutput(`${root}/none/out`);
    expect(errnoOf(await output.close().catch((error) => error))).toBe("ENOENT");
    await output.abort();
  });

  test("on a full disk fails", async () => {
    const output = createOutput("/dev/full");
    const failure = await output
      .write("x".repeat(1_000_000))
      .then(() => output.close())
      .catch((error) => error);
    expect(errnoOf(failure)).toBe("ENOSPC");
    expect(isBrokenPipe(failure)).toBe(false);
  });
});

describe("the standard streams", () => {
  const runShell = (command: string): { stdout: string; stderr: string } => {
    const copier = `${import.meta.dir}/../../support/stream-copier.ts`;
    const { stdout, stderr } = Bun.spawnSync(["sh", "-c", command], {
      env: { ...process.env, BUN: process.execPath, COPIER: copier },
    });
    return { stdout: stdout.toString(), stderr: stderr.toString() };
  };

  test("lead from input to output", () => {
    const { stdout, stderr } = runShell('printf "a\\nb" | "$BUN" "$COPIER" 1');
    expect([stdout, stderr]).toEqual(["a\nb\n", "2\n"]);
  });

  test("give a slow reader everything", () => {
    const { stdout, stderr } = runShell('echo line | "$BUN" "$COPIER" 100000 | (read -r first; wc -l)');
    expect([Number(stdout), stderr]).toEqual([99_999, "100000\n"]);
  });

  test("report a reader that goes away, once", () => {
    const { stdout, stderr } = runShell('echo line | "$BUN" "$COPIER" 10000000 | head -n 2');
    expect(stdout).toBe("line\nline\n");
    expect(stderr).toMatch(/^\d+, then the reader went away\n$/);
  });

  test("report a full disk", () => {
    expect(runShell('echo line | "$BUN" "$COPIER" 1 >/dev/full').stderr).toContain("ENOSPC");
  });
});
