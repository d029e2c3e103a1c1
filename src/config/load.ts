/**
 * Brings together what configures a node: flag over environment over file over default.
 *
 * Everything that is wrong is refused at once, each with its path, its value and what is allowed; legacy keys and
 * settings without effect give warnings, which the caller logs.
 */
import { parseDocument } from "yaml";
import { errnoOf, messageOf, StorageError } from "../base/errors.ts";
import { type ProcessEnvironment, settingsFromEnvironment } from "./environment.ts";
import { type RawSections, withoutLegacyKeys } from "./legacy-keys.ts";
import { type Configuration, conflictsBetweenKeys, resolve } from "./resolve.ts";
import { schema, sectionKeys } from "./schema.ts";
import { closest } from "./suggest.ts";
import { settingsWithoutEffect } from "./without-effect.ts";

export interface ConfigurationSources {
  /** The file that `--config` or `CONFIG_PATH` names, if any. */
  readonly file?: string | undefined;
  readonly readText: (path: string) => string;
  readonly environment: ProcessEnvironment;
  /** Values that flags gave, by path (`server.host`), with the flag's name for messages. */
  readonly flags: ReadonlyMap<string, FlagValue>;
  readonly hostName: string;
  /** What the process may take. */
  readonly memoryLimitBytes: number;
}

export interface FlagValue {
  readonly flag: string;
  readonly value: string;
}

export interface LoadedConfiguration {
  readonly configuration: Configuration;
  /** One sentence each. */
  readonly warnings: readonly string[];
}

/** Throws INVALID_ARGUMENT that names everything that is wrong. */
export function loadConfiguration(sources: ConfigurationSources): LoadedConfiguration {
  const fromFile = withoutLegacyKeys(sources.file === undefined ? {} : readSections(sources.file, sources));
  const fromEnvironment = settingsFromEnvironment(sources.environment);
  const origins = new Map(fromEnvironment.origins);
  const sections = overlay(fromFile.sections, fromEnvironment.sections);
  for (const [path, { flag, value }] of sources.flags) {
    setAt(sections, path, value);
    origins.set(path, flag);
  }
  for (const path of origins.keys()) setAt(sections, path, typed(path, valueAt(sections, path)));

  const parsed = schema.safeParse(sections);
  if (!parsed.success) {
    throw refusal(parsed.error.issues.flatMap((issue) => explain(issue, sections, origins)));
  }
  const hasFile = sources.file !== undefined;
  const configuration = resolve(parsed.data, {
    hostName: sources.hostName,
    memoryLimitBytes: sources.memoryLimitBytes,
    hasFile,
  });
  const problems = conflictsBetweenKeys(configuration);
  if (problems.length > 0) throw refusal(problems);
  return {
    configuration,
    warnings: [
      ...fromFile.warnings,
      ...fromEnvironment.warnings,
      ...settingsWithoutEffect(sections, configuration),
    ],
  };
}

function refusal(problems: readonly string[]): StorageError {
  return new StorageError("INVALID_ARGUMENT", `configuration: ${problems.join("; ")}`);
}

function readSections(file: string, sources: ConfigurationSources): RawSections {
  let text: string;
  try {
    text = sources.readText(file);
  } catch (cause) {
    const reason = errnoOf(cause) === "ENOENT" ? "it does not exist" : messageOf(cause);
    throw new StorageError("INVALID_ARGUMENT", `cannot read the configuration file ${file}: ${reason}`, {
      cause,
    });
  }
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) {
    const message = error.message.split("\n", 1)[0];
    throw new StorageError(
      "INVALID_ARGUMENT",
      `the configuration file ${file} is not valid YAML: ${message}`,
    );
  }
  const tree: unknown = document.toJS() ?? {};
  if (typeof tree !== "object" || tree === null || Array.isArray(tree)) {
    throw new StorageError("INVALID_ARGUMENT", `the configuration file ${file} holds no sections`);
  }
  // A section with nothing below it reads as null.
  return Object.fromEntries(Object.entries(tree).map(([name, section]) => [name, section ?? {}]));
}

/** Sections of both; where both have a key, the upper one's value. */
function overlay(lower: RawSections, upper: RawSections): RawSections {
  const merged: RawSections = { ...lower };
  for (const [name, section] of Object.entries(upper)) {
    merged[name] = { ...Object(lower[name]), ...Object(section) };
  }
  return merged;
}

function valueAt(sections: RawSections, path: string): unknown {
  return path.split(".").reduce<unknown>((value, key) => Object(value)[key], sections);
}

function setAt(sections: RawSections, path: string, value: unknown): void {
  const [section = "", key = ""] = path.split(".");
  sections[section] = { ...Object(sections[section]), [key]: value };
}

/** Text from a flag or the environment as its key wants it: as it is, else as the file would read it. */
function typed(path: string, value: unknown): unknown {
  const [section = "", key = ""] = path.split(".");
  const shape: Record<string, { safeParse(value: unknown): { success: boolean } }> =
    Object(schema.shape)[section]?.unwrap().shape ?? {};
  if (typeof value !== "string" || shape[key]?.safeParse(value).success) return value;
  const scalar: unknown = parseDocument(value).toJS();
  return shape[key]?.safeParse(scalar).success ? scalar : value;
}

type Issue = NonNullable<ReturnType<typeof schema.safeParse>["error"]>["issues"][number];

function explain(issue: Issue, sections: RawSections, origins: ReadonlyMap<string, string>): string[] {
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(path, key));
  const value = JSON.stringify(valueAt(sections, path));
  const origin = origins.get(path);
  const name = origin === undefined ? path : `${path} (from ${origin})`;
  const allowed = issue.code === "invalid_type" ? `keys: ${sectionKeys[path]?.join(", ")}` : issue.message;
  return [`${name} is ${value}; allowed is ${allowed}`];
}

function unknownKey(section: string, key: string): string {
  const allowed = section === "" ? Object.keys(sectionKeys) : (sectionKeys[section] ?? []);
  const suggestion = closest(key, allowed);
  const advice =
    suggestion === undefined
      ? `allowed is ${allowed.join(", ")}`
      : `is ${section === "" ? suggestion : `${section}.${suggestion}`} meant?`;
  return `${section === "" ? key : `${section}.${key}`} is not a known key; ${advice}`;
}
