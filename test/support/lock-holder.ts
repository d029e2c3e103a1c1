/** Run as a process: takes the lock file it is given, says what came of it, and stays until it is killed. */
import { realFileSystem } from "../../src/platform/real.ts";

const path = process.argv[2]!;
const lock = realFileSystem.lock(path);
console.log(lock === undefined ? `refused by ${realFileSystem.lockHolder(path)}` : "locked");
await Bun.stdin.text();
