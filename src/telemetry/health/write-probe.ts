/** Whether files can be written in a directory: by writing one, as durable as the commit log is, and removing it. */
import { errnoOf, messageOf } from "../../base/errors.ts";
import type { FileSystem } from "../../platform/file-system.ts";
import type { Finding } from "./health-checker.ts";

const fileName = "health-probe";
const content = new TextEncoder().encode("written to see whether it can be; may be removed\n");

/** These say something of the process and not of the directory. */
const ownShortages: ReadonlySet<string | undefined> = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

export async function probeWriting(files: FileSystem, directory: string): Promise<Finding> {
  try {
    await writeAndRemove(files, `${directory}/${fileName}`);
    return undefined;
  } catch (error) {
    const reason = `no file can be written in ${directory}: ${messageOf(error)}`;
    return { status: ownShortages.has(errnoOf(error)) ? "degraded" : "unhealthy", reason };
  }
}

/** A file that a killed node left is written over. */
async function writeAndRemove(files: FileSystem, path: string): Promise<void> {
  const file = files.open(path, files.status(path) === undefined ? "create" : "write");
  try {
    file.writeAt(content, 0);
    await file.sync();
  } finally {
    file.close();
  }
  await files.remove(path);
}
