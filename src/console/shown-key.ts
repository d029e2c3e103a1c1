/** A key as one line: what cannot be seen, or changes how the rest is read, is written as an escape. */
export function shownKey(key: string): string {
  return key.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (sign) => {
    const named = { "\n": "\\n", "\t": "\\t", "\r": "\\r" }[sign];
    return named ?? `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`;
  });
}
