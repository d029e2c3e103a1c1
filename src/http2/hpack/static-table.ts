/** The static table of HPACK (RFC 7541, appendix A). Index 1 is the first entry. */
import { classifyField } from "../field-rules.ts";

const entries: readonly (readonly [name: string, value?: string])[] = [
  [":authority"],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset"],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language"],
  ["accept-ranges"],
  ["accept"],
  ["access-control-allow-origin"],
  ["age"],
  ["allow"],
  ["authorization"],
  ["cache-control"],
  ["content-disposition"],
  ["content-encoding"],
  ["content-language"],
  ["content-length"],
  ["content-location"],
  ["content-range"],
  ["content-type"],
  ["cookie"],
  ["date"],
  ["etag"],
  ["expect"],
  ["expires"],
  ["from"],
  ["host"],
  ["if-match"],
  ["if-modified-since"],
  ["if-none-match"],
  ["if-range"],
  ["if-unmodified-since"],
  ["last-modified"],
  ["link"],
  ["location"],
  ["max-forwards"],
  ["proxy-authenticate"],
  ["proxy-authorization"],
  ["range"],
  ["referer"],
  ["refresh"],
  ["retry-after"],
  ["server"],
  ["set-cookie"],
  ["strict-transport-security"],
  ["transfer-encoding"],
  ["user-agent"],
  ["vary"],
  ["via"],
  ["www-authenticate"],
];

export const staticTableSize = entries.length;

/** All three are indexed as the wire does; 0 is not used. */
export const staticNames: readonly string[] = ["", ...entries.map(([name]) => name)];
export const staticValues: readonly string[] = ["", ...entries.map(([, value]) => value ?? "")];
export const staticKinds: readonly number[] = staticNames.map((name, i) =>
  classifyField(name, staticValues[i]!),
);

/** The lowest index of each name. */
export const staticIndexOfName: ReadonlyMap<string, number> = new Map(
  staticNames.map((name, i) => [name, i] as const).reverse(),
);

/** The index of a field that stands there whole; undefined for all others. */
export function staticIndexOfField(name: string, value: string): number | undefined {
  const first = staticIndexOfName.get(name);
  if (first === undefined) return undefined;
  for (let i = first; staticNames[i] === name; i++) if (staticValues[i] === value) return i;
  return undefined;
}
