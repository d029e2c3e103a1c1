/** Every key of the configuration with its value, for people to look at: nothing secret is among them. */
import type { Configuration } from "./resolve.ts";
import { sectionKeys } from "./schema.ts";

export interface SettingInForce {
  /** As in `server.port`. */
  readonly key: string;
  /** In JSON; empty where nothing is set, `(masked)` for a secret. */
  readonly value: string;
}

/** Keys whose value is a secret itself; a path to one is none. */
const secretKey = /(?:^|_)(?:token|secret|password|passphrase|private_key)s?$/;

/** In the order of the documentation. */
export function settingsInForce(configuration: Configuration): SettingInForce[] {
  return Object.entries(sectionKeys).flatMap(([section, keys]) => {
    const values: Record<string, unknown> = Object(configuration[section as keyof Configuration]);
    return keys.map((key) => ({ key: `${section}.${key}`, value: shown(key, values[key]) }));
  });
}

function shown(key: string, value: unknown): string {
  if (value === undefined) return "";
  return isSecretKey(key) ? "(masked)" : JSON.stringify(value);
}

/** By the last part of a key. */
export function isSecretKey(key: string): boolean {
  return secretKey.test(key);
}
