/** Keys of a ring in text: one in base64 on each line, the one that seals first; `#` begins a comment. */
import { StorageError } from "../base/errors.ts";

/** Throws INVALID_ARGUMENT, with the line's number and never with the key, for what is no key. */
export function parseKeys(text: string, path: string): Uint8Array[] {
  const keys = text.split("\n").flatMap((line, index) => {
    const encoded = line.replace(/#.*/, "").trim();
    return encoded === "" ? [] : [parseKey(encoded, `${path}, line ${index + 1}`)];
  });
  if (keys.length > 0) return keys;
  throw new StorageError(
    "INVALID_ARGUMENT",
    `${path} holds no gossip key; \`openssl rand -base64 32\` makes one`,
  );
}

function parseKey(encoded: string, where: string): Uint8Array {
  const key = decodeBase64(encoded);
  if (key !== undefined && [16, 24, 32].includes(key.length)) return key;
  throw new StorageError("INVALID_ARGUMENT", `${where}: a gossip key is 16, 24 or 32 bytes in base64`);
}

function decodeBase64(encoded: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(encoded);
  } catch {
    return undefined;
  }
}
