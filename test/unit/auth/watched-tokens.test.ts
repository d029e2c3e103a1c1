import { describe, expect, test } from "bun:test";
import { parseToken } from "../../../src/auth/token.ts";
import { watchTokens } from "../../../src/auth/watched-tokens.ts";
import { StorageError } from "../../../src/base/errors.ts";
import { systemSecrets } from "../../../src/platform/secrets.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { testToken, tokenFileText } from "../../support/tokens.ts";

const [first, second] = [testToken(["read"]), testToken(["write"])];

/** A source of a file in memory; `undefined` is a file that is gone. */
function sourceOf(text: string | undefined) {
  const file = { text, version: 0 };
  const clock = new ManualClock();
  const events: string[] = [];
  const source = watchTokens({
    path: "tokens",
    read: () => {
      if (file.text === undefined) throw new StorageError("INVALID_ARGUMENT", "gone");
      return file.text;
    },
    fingerprint: () => (file.text === undefined ? undefined : String(file.version)),
    secrets: systemSecrets,
    clock,
    onRead: (tokenCount) => events.push(`read ${tokenCount}`),
    onFailure: (error) => events.push((error as Error).message),
  });
  const change = (changed: string | undefined) => {
    file.text = changed;
    file.version++;
  };
  const isGood = (token: typeof first) => typeof source.current.verify(parseToken(token.text)) !== "string";
  return { source, clock, events, change, isGood };
}

describe("watchTokens", () => {
  test("does not start without a file, or with one that is wrong", () => {
    expect(() => sourceOf(undefined)).toThrow("gone");
    expect(() => sourceOf("{}")).toThrow("line 1");
  });

  test("sees a change within a second, and reads no file that did not change", () => {
    const { clock, events, change, isGood, source } = sourceOf(tokenFileText([first]));
    clock.advance(5000);
    expect(events).toEqual([]);
    change(tokenFileText([second, first]));
    expect(isGood(second)).toBe(false);
    clock.advance(1000);
    expect(isGood(second)).toBe(true);
    change(tokenFileText([second]));
    clock.advance(1000);
    expect(isGood(first)).toBe(false);
    expect(events).toEqual(["read 2", "read 1"]);
    source.stop();
    expect(clock.pendingTimerCount).toBe(0);
  });

  test("keeps its tokens when the file is gone or wrong, and tells that once", () => {
    const { clock, events, change, isGood } = sourceOf(tokenFileText([first]));
    change(undefined);
    clock.advance(3000);
    change("{}");
    clock.advance(3000);
    expect(isGood(first)).toBe(true);
    expect(events).toEqual(["gone", expect.stringContaining("tokens, line 1")]);
    change("");
    clock.advance(1000);
    expect(isGood(first)).toBe(false);
    expect(events.slice(2)).toEqual(["read 0"]);
  });

  test("reads at once when asked to", () => {
    const { source, change, isGood } = sourceOf("");
    change(tokenFileText([first]));
    source.reload();
    expect(isGood(first)).toBe(true);
  });
});
