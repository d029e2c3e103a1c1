/**
 * Cases that are known to fail, one a line: `SUITE PATTERN -- REASON`. Lines that begin with "#" say something else.
 *
 * Of h2spec a pattern is a section and a number (`http2/5.1.1/2`), of Connect's suite what its `--known-failing` takes.
 */

export interface KnownFailure {
  readonly suite: string;
  readonly pattern: string;
  readonly reason: string;
}

/** Throws for a line without a reason. */
export function parseKnownFailures(text: string): KnownFailure[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  return lines.map((line) => {
    const [, suite, pattern, reason] = /^(\S+) (\S.*?) -- (\S.*)$/.exec(line) ?? [];
    if (suite === undefined || pattern === undefined || reason === undefined) {
      throw new Error(`a known failure needs the form "SUITE PATTERN -- REASON": ${line}`);
    }
    return { suite, pattern, reason };
  });
}

/** What a suite comes to. */
export interface SuiteResult {
  /** One line. */
  readonly counts: string;
  /** Exactly the known cases failed. */
  readonly succeeded: boolean;
}
