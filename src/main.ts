#!/usr/bin/env bun
/** Where the process starts: the command line over the machine's own files, time and streams. */
import { hostname } from "node:os";
import { runCommandLine } from "./cli/program.ts";
import { systemClock } from "./platform/clock.ts";
import { readClockStatus } from "./platform/clock-status.ts";
import { readSystemFile } from "./platform/memory-status.ts";
import { memoryLimitBytes } from "./platform/process-status.ts";
import { systemRandom } from "./platform/random.ts";
import { realFileSystem } from "./platform/real.ts";
import { standardStreams } from "./platform/streams.ts";

const exitCode = await runCommandLine(process.argv.slice(2), {
  streams: standardStreams(),
  variables: process.env,
  hostName: hostname(),
  memoryLimitBytes: memoryLimitBytes(),
  files: realFileSystem,
  readSystemFile,
  readClockStatus,
  clock: systemClock,
  random: systemRandom,
  exitAtOnce: (code) => process.exit(code),
});
process.exit(exitCode);
