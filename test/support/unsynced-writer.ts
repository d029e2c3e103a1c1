/** Run as a process: writes a synced and an unsynced line over the file system of its argument, and waits. */
import { realFileSystem } from "../../src/platform/real.ts";
import { WriteBackFileSystem } from "./write-back-file-system.ts";

const [kind, path] = process.argv.slice(2) as [string, string];
const files = kind === "write-back" ? new WriteBackFileSystem(realFileSystem) : realFileSystem;
const file = files.open(path, "create");
file.writeAt(new TextEncoder().encode("synced\n"), 0);
await file.sync();
file.writeAt(new TextEncoder().encode("unsynced\n"), 7);
console.log(file.sizeBytes());
await Bun.stdin.text();
