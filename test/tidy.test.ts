/**
 * Keeps the house in order: which room may import which, what only the platform may touch, dead files, size.
 * A message says what to do instead.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const root = join(import.meta.dir, "..");

/** What telemetry observes, and the server and the command line put together. */
const belowServer = [
  ...["base", "platform", "auth", "versions", "engine", "backup"],
  ...["node", "migration", "http2", "gossip", "rpc"],
];

/** What a room of src may import, besides itself. `main.ts` only starts the CLI. */
const allowedImports: Record<string, readonly string[]> = {
  base: [],
  gen: [],
  console: ["gen"],
  platform: ["base"],
  auth: ["base", "platform"],
  versions: ["base", "platform"],
  engine: ["base", "platform", "versions"],
  backup: ["base", "platform", "engine"],
  node: ["base", "platform", "versions", "engine"],
  migration: ["base", "platform", "versions", "engine", "node"],
  peers: ["base", "platform", "versions", "migration", "gen"],
  config: ["base", "platform", "auth", "engine", "node"],
  http2: ["base", "platform"],
  gossip: ["base", "platform"],
  load: ["base", "platform", "http2", "rpc", "gen"],
  rpc: ["base", "platform", "auth", "versions", "backup", "node", "migration", "gen"],
  telemetry: belowServer,
  server: [...belowServer, "config", "telemetry", "gen"],
  cli: [...belowServer, "config", "telemetry", "gen", "peers", "server", "load"],
  main: ["cli", "platform"],
};

/** Files that no file of src imports on purpose: where a process or thread starts, and what tests stand on. */
const entries = new Set([
  "src/main.ts",
  // Bundled for browsers by src/server/console/bundle.ts.
  "src/console/main.tsx",
  "src/engine/workers/worker.ts",
  "src/engine/workers/inline.ts",
  "src/platform/memory.ts",
  "src/platform/fault.ts",
]);

interface Ban {
  readonly pattern: RegExp;
  readonly instead: string;
}

/** Outside src/platform: everything that a test must be able to own. */
const platformBans: Ban[] = [
  { pattern: /from "(node:)?fs(\/promises)?"/, instead: "go through src/platform/file-system.ts" },
  { pattern: /\bBun\.(mmap|file|write|stdin|stdout|stderr)\b/, instead: "go through src/platform" },
  { pattern: /from "bun:ffi"/, instead: "put the call behind src/platform" },
  { pattern: /\bDate\.now\(|\bnew Date\(\)/, instead: "take a Clock (src/platform/clock.ts)" },
  { pattern: /\bperformance\.|\bBun\.nanoseconds\b|\bprocess\.hrtime\b/, instead: "take a Clock" },
  { pattern: /\bset(Timeout|Interval)\(/, instead: "use Clock.after" },
  {
    pattern: /\bMath\.random\(|\bcrypto\.(getRandom|random)/,
    instead: "take a Random (src/platform/random.ts)",
  },
  {
    pattern: /(?<!Object\.assign\()\bnew Error\(/,
    instead: "throw a StorageError, or assert an invariant (src/base/errors.ts)",
  },
];

/** Everywhere. The patterns are written so that they do not match themselves. */
const generalBans: Ban[] = [
  {
    pattern: /\bas an[y]\b|: an[y][ ;,)=]|<an[y]>/,
    instead: "give it a type; `unknown` where there is none",
  },
  { pattern: /\b(TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b/, instead: "do it now, or leave it out" },
  { pattern: /\b(test|it|describe)\.(only|skip|todo)\(/, instead: "run every test, always" },
  { pattern: /(^|["'\s(])\/(home|work|root|Users)\//, instead: "no path of one machine belongs here" },
];

const maxFileLines = 400;
const maxFunctionLines = 70;

function files(pattern: string): string[] {
  return [...new Bun.Glob(pattern).scanSync(root)].filter((path) => !path.includes("src/gen/")).sort();
}

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** Lines that break one of the bans, each with the file, the line's number and the way out. */
function violations(paths: string[], bans: readonly Ban[]): string[] {
  return paths.flatMap((path) =>
    read(path)
      .split("\n")
      .flatMap((line, index) =>
        bans
          .filter((ban) => ban.pattern.test(withoutComment(line)))
          .map((ban) => `${path}:${index + 1}: ${line.trim()} -- ${ban.instead}`),
      ),
  );
}

/** Prose may name what code must not call. */
function withoutComment(line: string): string {
  return /^\s*(\*|\/\*|\/\/)/.test(line) && !/TO[D]O|FIX[M]E/.test(line) ? "" : line;
}

/** Relative imports of a file, as paths from the root; types, dynamic imports and worker URLs included. */
function imports(path: string): string[] {
  const pattern = /(?:\bfrom|\bimport|\bimport\(|\bnew URL\()\s*"(\.{1,2}\/[^"]+)"/g;
  return [...read(path).matchAll(pattern)].map((match) => normalize(join(dirname(path), match[1] ?? "")));
}

/** The room of a file in src: the folder below it, or the name of a file directly in it. */
function room(path: string): string {
  return (path.split("/")[1] ?? "").replace(/\.ts$/, "");
}

/** Functions of formatted code that are longer than the bound, found by their indentation. */
function longFunctions(path: string): string[] {
  const lines = read(path).split("\n");
  const opener =
    /^(\s*)(?!(?:if|for|while|switch|catch|else|do|try|return)\b)\S.*(?:\bfunction\b.*|=> |^\s*[\w#*\s]+\(.*\).*)\{$/;
  return lines.flatMap((line, start) => {
    const indent = opener.exec(line)?.[1];
    if (indent === undefined) return [];
    const length = lines.slice(start + 1).findIndex((other) => other.startsWith(`${indent}}`)) + 2;
    return length > maxFunctionLines ? [`${path}:${start + 1}: ${length} lines -- split it`] : [];
  });
}

const sources = files("src/**/*.{ts,tsx}");
const clientSources = files("clients/*/src/**/*.ts");
const code = [
  ...sources,
  ...clientSources,
  ...["test", "scripts", "bench"].flatMap((folder) => files(`${folder}/**/*.ts`)),
];

describe("rooms", () => {
  test("every room is in the table", () => {
    expect(sources.map(room).filter((name) => !(name in allowedImports))).toEqual([]);
  });

  test("imports point down only", () => {
    const wrong = sources.flatMap((path) =>
      imports(path)
        .filter((target) => target.startsWith("src/") && room(target) !== room(path))
        .filter((target) => !allowedImports[room(path)]?.includes(room(target)))
        .map(
          (target) => `${path} imports ${target} -- ${room(path)} may import ${allowedImports[room(path)]}`,
        ),
    );
    expect(wrong).toEqual([]);
  });

  test("telemetry knows what it observes by type alone", () => {
    const observed = ["auth", "engine", "backup", "node", "http2", "gossip", "rpc"];
    const wrong = sources
      .filter((path) => room(path) === "telemetry")
      .flatMap((path) =>
        [...read(path).matchAll(/^import (?!type )[^;]*"(\.[^"]+)"/gm)]
          .map((match) => normalize(join(dirname(path), match[1] ?? "")))
          .filter((target) => observed.includes(room(target)))
          .map((target) => `${path} imports ${target} -- use \`import type\``),
      );
    expect(wrong).toEqual([]);
  });

  test("src imports nothing of test, scripts or bench, and relative imports carry .ts", () => {
    const wrong = sources.flatMap((path) =>
      imports(path)
        .filter((target) => !/^src\/.+\.tsx?$/.test(target) && target !== "package.json")
        .map((target) => `${path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test("a client stands alone: it imports nothing of the node, and nothing of the node imports it", () => {
    const wrong = [...sources, ...clientSources].flatMap((path) =>
      imports(path)
        .filter((target) => target.split("/")[0] !== path.split("/")[0] && target !== "package.json")
        .map((target) => `${path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test("every file of src is imported by another file of it", () => {
    const imported = new Set(sources.flatMap(imports));
    expect(sources.filter((path) => !imported.has(path) && !entries.has(path))).toEqual([]);
  });
});

describe("bans", () => {
  // The console runs in browsers, where there is no platform of ours.
  test("files, time and randomness are the platform's", () => {
    const outside = sources.filter((path) => !["platform", "console"].includes(room(path)));
    expect(violations(outside, platformBans)).toEqual([]);
  });

  test("no shortcuts", () => {
    expect(violations(code, generalBans)).toEqual([]);
  });

  test("documents name no path of one machine", () => {
    const documents = ["*.md", "docs/**/*.md", "clients/*/*.md"].flatMap(files);
    expect(violations(documents, generalBans.slice(-1))).toEqual([]);
  });
});

describe("size", () => {
  test(`no file of src is longer than ${maxFileLines} lines`, () => {
    const long = [...sources, ...clientSources].map((path) => [path, read(path).split("\n").length] as const);
    expect(long.filter(([, lines]) => lines > maxFileLines)).toEqual([]);
  });

  test(`no function of src is longer than ${maxFunctionLines} lines`, () => {
    expect([...sources, ...clientSources].flatMap(longFunctions)).toEqual([]);
  });

  test("names of files are kebab-case", () => {
    expect(code.filter((path) => !/^([a-z0-9-]+\/)*[a-z0-9-]+(\.[a-z0-9-]+)*\.tsx?$/.test(path))).toEqual([]);
  });
});
