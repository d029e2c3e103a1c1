import { afterEach, describe, expect, test } from "bun:test";
import type { TlsMaterial } from "../../../src/http2/tls.ts";
import { TlsFiles } from "../../../src/server/tls-source.ts";
import { ManualClock } from "../../support/manual-clock.ts";

let sources: TlsFiles[] = [];
afterEach(() => {
  for (const source of sources) source.stop();
  sources = [];
});

const material = (name: string): TlsMaterial => ({ key: `key ${name}`, certificate: `certificate ${name}` });

function watched() {
  const clock = new ManualClock();
  const events: string[] = [];
  let lookCount = 0;
  const files = { content: material("1") as TlsMaterial | Error };
  const source = new TlsFiles({
    read: () => {
      if (files.content instanceof Error) throw files.content;
      return files.content;
    },
    // As of files that are written anew again and again.
    fingerprint: () => String(lookCount++),
    clock,
    changed: ({ certificate }) => events.push(`changed to ${certificate}`),
    refused: (reason) => events.push(`refused: ${reason}`),
  });
  sources.push(source);
  source.onChange(({ certificate }) => events.push(`heard of ${certificate}`));
  return { clock, events, files, source };
}

describe("TlsFiles", () => {
  test("takes what changed with the next look, and tells once", () => {
    const { clock, events, files, source } = watched();
    clock.advance(5000);
    expect(events).toEqual([]);
    files.content = material("2");
    expect(source.current.certificate).toBe("certificate 1");
    clock.advance(1000);
    expect(source.current).toEqual(material("2"));
    clock.advance(5000);
    expect(events).toEqual(["changed to certificate 2", "heard of certificate 2"]);
  });

  test("looks at once when asked", () => {
    const { files, source } = watched();
    files.content = material("2");
    source.reload();
    expect(source.current).toEqual(material("2"));
  });

  test("another authority for clients is a change too", () => {
    const { events, files, source } = watched();
    files.content = { ...material("1"), clients: { authority: "of 1", areRequired: true } };
    source.reload();
    files.content = { ...material("1"), clients: { authority: "of 2", areRequired: true } };
    source.reload();
    source.reload();
    expect(events.length).toBe(4);
  });

  test("keeps what it has while the files are no good, and says each reason once", () => {
    const { clock, events, files, source } = watched();
    files.content = new Error("half a file");
    clock.advance(3000);
    files.content = new Error("no file");
    clock.advance(3000);
    expect(source.current).toEqual(material("1"));
    expect(events).toEqual(["refused: half a file", "refused: no file"]);
    files.content = material("1");
    clock.advance(1000);
    files.content = new Error("no file");
    clock.advance(1000);
    expect(events.length).toBe(3);
    files.content = material("2");
    clock.advance(1000);
    expect(source.current).toEqual(material("2"));
  });

  test("looks again where whoever hears of a change fails", () => {
    const { clock, files, source } = watched();
    let failures = 0;
    source.onChange(() => {
      failures++;
      throw new Error("cannot take it");
    });
    files.content = material("2");
    expect(() => clock.advance(1000)).toThrow("cannot take it");
    files.content = material("3");
    expect(() => clock.advance(1000)).toThrow("cannot take it");
    expect([failures, source.current]).toEqual([2, material("3")]);
  });

  test("does not begin with files that are no good", () => {
    const read = () => {
      throw new Error("no file");
    };
    const ignore = () => undefined;
    const clock = new ManualClock();
    expect(
      () => new TlsFiles({ read, fingerprint: () => "", clock, changed: ignore, refused: ignore }),
    ).toThrow("no file");
    expect(clock.pendingTimerCount).toBe(0);
  });

  test("looks no more once it is stopped", () => {
    const { clock, files, source } = watched();
    source.stop();
    files.content = material("2");
    clock.advance(5000);
    expect(source.current).toEqual(material("1"));
  });
});
