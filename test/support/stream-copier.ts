/**
 * Run as a process: copies each line of standard input so many times to standard output, and says on standard error
 * how many went through and whether the reader went away.
 */
import { splitLines } from "../../src/platform/line-splitter.ts";
import { isBrokenPipe, standardStreams } from "../../src/platform/streams.ts";

const { input, output, error } = standardStreams();
let count = 0;
try {
  for await (const { bytes } of splitLines(input, 1_000)) {
    const line = `${new TextDecoder().decode(bytes)}\n`;
    for (let i = 0; i < Number(process.argv[2]); i++) {
      await output.write(line);
      count++;
    }
  }
  await output.close();
  error(`${count}\n`);
} catch (failure) {
  error(isBrokenPipe(failure) ? `${count}, then the reader went away\n` : `${failure}\n`);
}
