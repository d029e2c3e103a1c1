import { expect, test } from "bun:test";
import { parseKnownFailures } from "../../../scripts/conformance/known-failures.ts";

test("each line is a case of a suite with the reason why it fails", () => {
  const text = "# a comment\n\nh2spec http2/5.3.1/1 -- of an older RFC\nconnect TLS:true/**/a b -- a -- b\n";
  expect(parseKnownFailures(text)).toEqual([
    { suite: "h2spec", pattern: "http2/5.3.1/1", reason: "of an older RFC" },
    { suite: "connect", pattern: "TLS:true/**/a b", reason: "a -- b" },
  ]);
});

test.each(["h2spec http2/5.3.1/1", "h2spec http2/5.3.1/1 -- ", "h2spec -- why"])("%p is refused", (line) => {
  expect(() => parseKnownFailures(line)).toThrow(line);
});
