/** docs/configuration.md says of every key what the schema says. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { schema, sectionKeys } from "../../../src/config/schema.ts";

const document = readFileSync(join(import.meta.dir, "../../../docs/configuration.md"), "utf8");

/** Key to default, as the tables of the sections have them. */
function documentedKeys(): Record<string, Record<string, string>> {
  const sections = document.split(/^### /m).slice(1);
  return Object.fromEntries(
    sections.map((section) => {
      const rows = section.matchAll(/^\| `(\w+)` \| ([^|]*) \|/gm);
      return [
        section.split("\n", 1)[0] ?? "",
        Object.fromEntries([...rows].map(([, key, value]) => [key, value])),
      ];
    }),
  );
}

test("every key is documented, and no other", () => {
  const documented = Object.entries(documentedKeys()).map(([name, keys]) => [name, Object.keys(keys).sort()]);
  const known = Object.entries(sectionKeys).map(([name, keys]) => [name, [...keys].sort()]);
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(known));
});

test("a documented default is the default", () => {
  const defaults: Record<string, Record<string, unknown>> = schema.parse({});
  for (const [name, keys] of Object.entries(documentedKeys())) {
    const whole = Object.entries(keys).filter(([, value]) => /^`[^`]+`$/.test(value));
    const stated = Object.fromEntries(whole.map(([key, value]) => [key, parse(value.slice(1, -1))]));
    for (const [key, value] of whole) {
      // What follows from another key has no default of its own.
      if (defaults[name]?.[key] === undefined) expect(value).toMatch(/^`[a-z_]+[./]/);
    }
    const derived = new Set(whole.map(([key]) => key).filter((key) => defaults[name]?.[key] === undefined));
    const own = Object.fromEntries(Object.entries(stated).filter(([key]) => !derived.has(key)));
    expect(schema.parse({ [name]: own })).toEqual(schema.parse({}));
  }
});
