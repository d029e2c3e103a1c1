import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { temporaryFolder } from "../../support/temp-folder.ts";

const root = temporaryFolder();

async function fileAfterKill(kind: "real" | "write-back"): Promise<string> {
  const path = `${root}/${kind}`;
  const writer = Bun.spawn(
    [process.execPath, `${import.meta.dir}/../../support/unsynced-writer.ts`, kind, path],
    {
      stdin: "pipe",
      stdout: "pipe",
    },
  );
  const { value } = await writer.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("16\n");
  writer.kill("SIGKILL");
  await writer.exited;
  return readFileSync(path, "utf8");
}

test("unsynced bytes die with the process; the machine's own cache would have kept them", async () => {
  expect(await fileAfterKill("write-back")).toBe("synced\n");
  expect(await fileAfterKill("real")).toBe("synced\nunsynced\n");
});
