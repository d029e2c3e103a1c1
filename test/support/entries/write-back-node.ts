/**
 * `pairdb-node` on a file system that drops unsynced bytes when the process dies: killing it is as good as cutting
 * the machine's power. With `PAIRDB_TEST_EARLY_ANSWERS=1` syncs answer before they have happened, as a store would
 * do that acknowledges too early.
 */
import { hostname } from "node:os";
import { runCommandLine } from "../../../src/cli/program.ts";
import { InlineRunner } from "../../../src/engine/workers/inline.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { readClockStatus } from "../../../src/platform/clock-status.ts";
import { readSystemFile } from "../../../src/platform/memory-status.ts";
import { memoryLimitBytes } from "../../../src/platform/process-status.ts";
import { systemRandom } from "../../../src/platform/random.ts";
import { realFileSystem } from "../../../src/platform/real.ts";
import { standardStreams } from "../../../src/platform/streams.ts";
import { withEarlySyncs } from "../early-sync-file-system.ts";
import { WriteBackFileSystem } from "../write-back-file-system.ts";

const writeBack = new WriteBackFileSystem(realFileSystem);
const answersEarly = process.env["PAIRDB_TEST_EARLY_ANSWERS"] === "1";

const exitCode = await runCommandLine(process.argv.slice(2), {
  streams: standardStreams(),
  variables: {},
  hostName: hostname(),
  memoryLimitBytes: memoryLimitBytes(),
  files: answersEarly ? withEarlySyncs(writeBack) : writeBack,
  readSystemFile,
  readClockStatus,
  clock: systemClock,
  random: systemRandom,
  exitAtOnce: (code) => process.exit(code),
  createJobRunner: (files) => new InlineRunner(files),
});
process.exit(exitCode);
