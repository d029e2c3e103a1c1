/**
 * `grpc-timeout`: 1 to 8 digits and a unit, as gRPC's protocol over HTTP/2 has it. More than timers can wait, 24 days,
 * counts as that.
 */
import { longestDelayMs } from "../platform/clock.ts";

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000001,
};

/** Milliseconds, or `undefined` where the text is no timeout. Allocates nothing: many calls carry one each. */
export function grpcTimeoutMs(text: string): number | undefined {
  const digitCount = text.length - 1;
  const unit = unitMs[text[digitCount]!];
  if (digitCount < 1 || digitCount > 8 || unit === undefined) return undefined;
  let amount = 0;
  for (let index = 0; index < digitCount; index++) {
    const digit = text.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) return undefined;
    amount = 10 * amount + digit;
  }
  return Math.min(amount * unit, longestDelayMs);
}

/** The same headers, in which no timeout is longer than timers can wait: Connect would let those pass at once. */
export function withinTimers(headers: Headers): Headers {
  const grpc = headers.get("grpc-timeout");
  const connect = headers.get("connect-timeout-ms");
  if (grpc !== null && grpcTimeoutMs(grpc) === longestDelayMs) {
    headers.set("grpc-timeout", `${longestDelayMs / 1000}S`);
  }
  if (Number(connect) > longestDelayMs) headers.set("connect-timeout-ms", String(longestDelayMs));
  return headers;
}
