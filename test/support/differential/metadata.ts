import type { Field } from "../../../src/http2/hpack/encoder.ts";
import type { Dice } from "../dice.ts";

/** Up to `maxCount` fields of the caller's own: text, bytes in base64, odd characters, the same name twice. */
export function randomMetadata(dice: Dice, maxCount: number): Field[] {
  return Array.from({ length: dice.below(maxCount + 1) }, () => randomField(dice));
}

const names = [
  "x-echo-a",
  "x-echo-b",
  "x-trail-a",
  "x-trail-b",
  "x-c",
  "user-agent",
  "authorization",
  "traceparent",
];

function randomField(dice: Dice): Field {
  if (dice.oneIn(3)) return [dice.pick(["x-echo-a-bin", "x-trail-a-bin", "x-c-bin"]), randomBinary(dice)];
  if (dice.oneIn(12)) return ["cookie", dice.pick(["a=b", "c=d; e=f", ""])];
  return [dice.pick(names), randomText(dice)];
}

/** Values of `-bin` fields: padded or not, several joined, empty, and some that are no base64. */
function randomBinary(dice: Dice): string {
  const one = (): string => {
    const text = Buffer.from(dice.bytes(dice.below(40))).toString("base64");
    return dice.oneIn(2) ? text : text.replace(/=+$/, "");
  };
  if (dice.oneIn(12)) return dice.pick(["", "=", "!!", "a"]);
  const joined = Array.from({ length: dice.pick([1, 1, 2, 3]) }, one).join(dice.pick([",", ", "]));
  return joined.trim();
}

function randomText(dice: Dice): string {
  const odd = [
    "",
    "a, b",
    "a,b",
    "tab\there",
    "latin1 \xe4\xff",
    "%20",
    '"quoted"',
    "v".repeat(4000),
    "a  b",
  ];
  return dice.oneIn(3) ? dice.pick(odd) : `value-${dice.below(1000)}`;
}
