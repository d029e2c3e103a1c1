/**
 * The kinds of values that a configuration file holds. Each parser gives the value, or `undefined` where it is
 * not one of its kind; `Kind.allowed` finishes the sentence "allowed is …" of the refusal.
 */
import { z } from "zod";

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration such as `500ms`, `10s`, `5m`, `168h` or `1m30s`. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * (unitMs[unit ?? ""] ?? Number.NaN);
  }
  return total;
}

/** A duration as operators write it: the largest unit that leaves a whole number. */
export function formatDuration(durationMs: number): string {
  if (durationMs === 0) return "0s";
  const unit = ["h", "m", "s"].find((name) => durationMs % (unitMs[name] ?? 1) === 0) ?? "ms";
  return `${durationMs / (unitMs[unit] ?? 1)}${unit}`;
}

/** A setting of one kind; the issue of a refused value says only what is allowed. */
export function kind<T>(allowed: string, parse: (value: unknown) => T | undefined) {
  return z.unknown().transform((value, context): T => {
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: "custom", message: allowed });
    return z.NEVER;
  });
}

export function wholeNumber(least: number, most: number, what = "a whole number") {
  return kind(`${what} from ${least} to ${most}`, (value) =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most
      ? value
      : undefined,
  );
}

/** A size in bytes. */
export function sizeBytes(least: number, most: number) {
  return wholeNumber(least, most, "a number of bytes");
}

export function fraction(least: number, most: number) {
  return kind(`a number from ${least} to ${most}`, (value) =>
    typeof value === "number" && value >= least && value <= most ? value : undefined,
  );
}

export function duration(leastMs: number, mostMs: number) {
  const allowed =
    `a duration from ${formatDuration(leastMs)} to ${formatDuration(mostMs)}, ` +
    "such as 500ms, 10s, 5m or 168h";
  return kind(allowed, (value) => {
    const parsed = typeof value === "string" ? parseDuration(value) : undefined;
    return parsed !== undefined && parsed >= leastMs && parsed <= mostMs ? parsed : undefined;
  });
}

export function flag() {
  return kind("true or false", (value) => (typeof value === "boolean" ? value : undefined));
}

/** Text of 1 to `mostBytes` bytes without control characters; a bare number counts as its digits. */
export function text(what: string, mostBytes = 4096) {
  return kind(`${what} of 1 to ${mostBytes} bytes without control characters`, (value) => {
    const string = typeof value === "number" ? String(value) : value;
    if (typeof string !== "string" || string.length === 0) return undefined;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\u0000-\u001f\u007f]/.test(string) || new TextEncoder().encode(string).length > mostBytes) {
      return undefined;
    }
    return string;
  });
}

/** A path on the HTTP port. */
export function urlPath() {
  return kind("a path of 1 to 255 letters, digits, -, _, ., ~ and /, which begins with /", (value) =>
    typeof value === "string" && /^\/[\w\-.~/]{0,254}$/.test(value) ? value : undefined,
  );
}

/** A list of texts; one text with commas counts as a list, since the environment knows only text. */
export function textList(what: string) {
  return kind(`a list of ${what}`, parseList);
}

function parseList(value: unknown): string[] | undefined {
  const list = typeof value === "string" ? value.split(",").map((item) => item.trim()) : value;
  if (!Array.isArray(list)) return undefined;
  const items = list.filter((item): item is string => typeof item === "string" && item !== "");
  return items.length === list.length || value === "" ? items : undefined;
}

/** A list of `least` to `most` of a few words, as `oneOf` takes them. */
export function listOf<T extends string>(words: Readonly<Record<string, T>>, most: number, least = 1) {
  return kind(`a list of ${least} to ${most} of ${Object.keys(words).join(", ")}`, (value) => {
    const items = parseList(value)?.map((item) => (Object.hasOwn(words, item) ? words[item] : undefined));
    if (items === undefined || items.length < least || items.length > most) return undefined;
    const known = items.filter((item) => item !== undefined);
    return known.length === items.length ? known : undefined;
  });
}

/** One of a few words; `words` maps each accepted word to its meaning. */
export function oneOf<T extends string>(words: Readonly<Record<string, T>>) {
  return kind(Object.keys(words).join(", "), (value) =>
    typeof value === "string" && Object.hasOwn(words, value) ? words[value] : undefined,
  );
}

/** Lowest, highest and current version of something, each from 0 to 255. */
export function versionRange() {
  const allowed = "a list of lowest, highest and current version, from 0 to 255 each";
  return kind(allowed, (value): readonly [number, number, number] | undefined => {
    const list: unknown[] =
      typeof value === "string" ? value.split(",").map(Number) : Array.isArray(value) ? value : [];
    const isVersion = (item: unknown) =>
      typeof item === "number" && Number.isInteger(item) && item >= 0 && item < 256;
    if (list.length !== 3 || !list.every(isVersion)) return undefined;
    const [lowest, highest, current] = list as [number, number, number];
    return lowest <= current && current <= highest ? [lowest, highest, current] : undefined;
  });
}
