/**
 * Settings that operators' files carry and that this version reads without acting on them. They are kept in the
 * schema, so that such files load and stay checked, and named in a warning, so that nobody waits for their effect.
 */
import type { RawSections } from "./legacy-keys.ts";
import type { Configuration } from "./resolve.ts";

/** Keys, or whole sections, without effect. */
const withoutEffect: readonly string[] = [
  "commit_log.max_age",
  "commit_log.buffer_size",
  "sstable.l0_size",
  "sstable.index_interval",
  "cache.frequency_weight",
  "cache.recency_weight",
  "cache.adaptive_window",
];

/** One sentence for the set keys without effect, and one for each switched-on feature that is not there. */
export function settingsWithoutEffect(sections: RawSections, configuration: Configuration): string[] {
  const set = Object.entries(sections)
    .flatMap(([section, keys]) => Object.keys(Object(keys)).map((key) => `${section}.${key}`))
    .filter((path) => withoutEffect.includes(path) || withoutEffect.includes(path.split(".")[0] ?? ""));
  const warnings = set.length === 0 ? [] : [`settings without effect in this version: ${set.join(", ")}`];
  const { mode, token_file, certificates } = configuration.auth;
  if (mode === "none" && (token_file !== undefined || certificates.length > 0)) {
    warnings.push("auth.mode is none: nobody is asked for a token or a certificate of auth.certificates");
  }
  return warnings;
}
