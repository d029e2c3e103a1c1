/** docs/configuration.md says of every key what the code does with it. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { loadConfiguration } from "../../../src/config/load.ts";
import { schema, sectionKeys } from "../../../src/config/schema.ts";
import { command } from "../../support/command-line.ts";

const document = readFileSync(join(import.meta.dir, "../../../docs/configuration.md"), "utf8");

interface DocumentedKey {
  readonly section: string;
  readonly key: string;
  readonly path: string;
  readonly allowed: string;
  readonly defaultText: string;
  readonly meaning: string;
}

type Sections = Record<string, Record<string, unknown>>;

/** Rows of the table below a heading, each as its cells. */
function rowsOf(text: string): string[][] {
  const lines = text.split("\n").filter((line) => /^\| (?!---)/.test(line));
  return lines.slice(1).map((line) => line.slice(2, -2).split(" | "));
}

function part(heading: string): string {
  const text = document.split(`\n${heading}\n`)[1] ?? "";
  return text.split(/\n##? /)[0] ?? "";
}

const documentedKeys: DocumentedKey[] = part("## Keys")
  .split(/^### /m)
  .slice(1)
  .flatMap((text) => {
    const section = text.split("\n", 1)[0] ?? "";
    return rowsOf(text).map(([key = "", allowed = "", defaultText = "", meaning = ""]) => {
      const name = unquoted(key);
      return { section, key: name, path: `${section}.${name}`, allowed, defaultText, meaning };
    });
  });

function unquoted(text: string): string {
  return text.replaceAll("`", "");
}

function load(sections: Sections | undefined) {
  return loadConfiguration({
    file: sections === undefined ? undefined : "node.yaml",
    readText: () => JSON.stringify(sections),
    environment: {},
    flags: new Map(),
    hostName: "the host's name",
    memoryLimitBytes: 2 ** 33,
  });
}

function valueAt(tree: unknown, path: string): unknown {
  return path.split(".").reduce((value, key) => Object(value)[key], tree);
}

/** The default of a key that follows from no other key, as YAML has it. */
function plainDefault({ defaultText }: DocumentedKey): unknown {
  const literal = /^`([^`]+)`(?: \([^)]*\))?$/.exec(defaultText)?.[1];
  return literal === undefined ? undefined : parse(literal);
}

const defaults: unknown = schema.parse({});
const isPlain = ({ path }: DocumentedKey) => valueAt(defaults, path) !== undefined;

test("every key is documented, and no other", () => {
  const known = Object.entries(sectionKeys).flatMap(([name, keys]) => keys.map((key) => `${name}.${key}`));
  expect(documentedKeys.map(({ path }) => path).sort()).toEqual(known.sort());
});

test("every section names the variables of its keys", () => {
  const named = [...part("## Keys").matchAll(/^Environment: `(.*)…`$/gm)].map(([, prefix]) => prefix);
  expect(named).toEqual(Object.keys(sectionKeys).map((section) => `PAIRDB_${section.toUpperCase()}_`));
});

describe.each(documentedKeys)("$path", (documented) => {
  const { section, key, path, allowed, defaultText, meaning } = documented;

  test("allows what is documented", () => {
    // A map with a key that no map allows.
    const { error } = schema.safeParse({ [section]: { [key]: { "": {} } } });
    const message = (error?.issues[0]?.message ?? "")
      .replace(" without control characters", "")
      .replace(/, such as 500ms.*/, "");
    expect(unquoted(allowed)).toBe(message);
  });

  test("has the documented default", () => {
    if (isPlain(documented)) {
      const stated = schema.parse({ [section]: { [key]: plainDefault(documented) } });
      expect(valueAt(stated, path)).toEqual(valueAt(defaults, path));
      return;
    }
    for (const sections of [undefined, {}]) {
      const { configuration } = load(sections);
      const resolved = valueAt(configuration, path);
      const referredTo = /^`([a-z_]+\.[a-z_]+)`$/.exec(defaultText)?.[1];
      if (referredTo !== undefined) expect(resolved).toEqual(valueAt(configuration, referredTo));
      else expect(defaultText).toContain(resolved === undefined ? "unset" : String(resolved));
    }
  });

  test("has an effect, unless the document says otherwise", () => {
    const { warnings } = load({ [section]: { ...companions[section], [key]: valueInFile(documented) } });
    const isWithoutEffect = warnings.some((warning) => warning.startsWith("settings without effect"));
    expect(meaning.includes("no effect in this version")).toBe(isWithoutEffect);
  });
});

/** What has to be said beside any key of these sections. */
const companions: Readonly<Record<string, object>> = {
  tls: { cert_file: "cert.pem", key_file: "key.pem" },
  coordinator: { host: "coordinator" },
};

/** Something that a file may say of the key. */
function valueInFile(documented: DocumentedKey): unknown {
  if (isPlain(documented)) return plainDefault(documented);
  const { allowed } = documented;
  if (/^a map with/.test(allowed)) return {};
  if (allowed === "true or false") return true;
  if (/^a (whole )?number/.test(allowed)) return Number(/from (\d+)/.exec(allowed)?.[1]);
  if (/^a list of \d+ to/.test(allowed)) return /of `([^`]+)`/.exec(allowed)?.[1];
  return /^an? (path|name|address)/.test(allowed) ? "text" : unquoted(allowed).split(",")[0];
}

test("the example loads without a warning", () => {
  const example = /```yaml\n(.*?)```/s.exec(document)?.[1] ?? "";
  const { configuration, warnings } = load(parse(example));
  expect(warnings).toEqual([]);
  expect(configuration.storage.commit_log_dir).toBe("/mnt/log/pairdb");
});

describe("flags", () => {
  const flags = rowsOf(part("## Flags")).map(([flag = "", path = ""]) => [unquoted(flag), unquoted(path)]);

  test("all flags of serve are documented, and no other", async () => {
    const { stdout } = await command(["serve", "--help"]);
    const options = new TextDecoder().decode(stdout).match(/^ +(?:-h, )?--[a-z-]+/gm) ?? [];
    const known = options.map((option) => option.trim()).filter((option) => !option.includes("--help"));
    expect(flags.map(([flag]) => flag).sort()).toEqual(known.sort());
  });

  test.each(flags.filter(([, path]) => /^\w+\.\w+$/.test(path ?? "")))("%s is %s", async (flag, path) => {
    // No key allows a control character.
    const { exitCode, stderr } = await command(["serve", flag ?? "", "\u0001"]);
    expect(stderr).toContain(`${path} (from ${flag}) is "\\u0001"`);
    expect(exitCode).toBe(2);
  });
});

describe("refusals", () => {
  test("the message is the documented one", async () => {
    const { stderr } = await command(["serve", "--grpc-port", "x"]);
    expect(document).toContain(`\n${stderr.trimEnd()}\n`);
  });

  test("exposure has the documented exit code", async () => {
    const row = rowsOf(part("## What is refused")).find(([what]) =>
      what?.startsWith("listening off loopback"),
    );
    const { exitCode } = await command(["serve", "--host", "0.0.0.0"]);
    expect(row?.[1]).toBe(String(exitCode));
  });
});

test.each(rowsOf(part("## Files from earlier deployments")))("legacy key %s: %s", (path, advice) => {
  const name = unquoted(path ?? "").replace("*", "anything");
  const [section = "", key = ""] = name.split(".");
  expect(load({ [section]: { [key]: 1 } }).warnings).toEqual([`${name} is ignored: ${advice}`]);
});
