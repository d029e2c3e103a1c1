import { expect, test } from "bun:test";
import { parseTimeout } from "@connectrpc/connect/protocol-grpc";
import fc from "fast-check";
import { grpcTimeoutMs } from "../../../src/rpc/grpc-timeout.ts";

test("texts mean what they mean to Connect", () => {
  const anyText = fc.oneof(
    fc.stringMatching(/^\d{0,9}[HMSmun]?$/),
    fc.string({ maxLength: 5 }),
    fc.constantFrom("1 S", " 1S", "1S ", "+1S", "1.5S", "0x1S", "S", ""),
  );
  fc.assert(
    fc.property(anyText, (text) => {
      const { timeoutMs } = parseTimeout(text, Number.MAX_SAFE_INTEGER);
      expect(grpcTimeoutMs(text)).toBe(timeoutMs as number);
    }),
  );
});
