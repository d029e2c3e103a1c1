import { expect, test } from "bun:test";
import { Code, type ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { checkRequestFrame, envelope, envelopePrefixBytes } from "../../../src/rpc/envelope.ts";

const mostBytes = 1000;

function refusal(body: readonly number[], forbiddenFlag?: number): [Code, string] {
  try {
    checkRequestFrame(Uint8Array.from(body), 0, body.length, mostBytes, "unary", forbiddenFlag);
  } catch (error) {
    const { code, rawMessage } = error as ConnectError;
    return [code, rawMessage];
  }
  return expect.unreachable("the body was taken");
}

test("a message comes out of its frame, wherever the frame stands", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: mostBytes }), fc.nat(20), (message, before) => {
      const frame = envelope(0, message);
      const bytes = new Uint8Array(before + frame.length + 3).fill(255);
      bytes.set(frame, before);
      const end = before + frame.length;
      checkRequestFrame(bytes, before, end, mostBytes, "unary");
      expect(bytes.subarray(before + envelopePrefixBytes, end)).toEqual(message);
    }),
  );
});

test("what is not one plain message is refused", () => {
  const missing = "protocol error: missing input message for unary method";
  const incomplete = "protocol error: incomplete envelope";
  expect(refusal([])).toEqual([Code.Unimplemented, missing]);
  expect(refusal([0, 0, 0, 0])).toEqual([Code.InvalidArgument, incomplete]);
  expect(refusal([0, 0, 0, 0, 2, 9])).toEqual([Code.InvalidArgument, incomplete]);
  expect(refusal([1, 0, 0, 0, 1, 9])[1]).toStartWith("received compressed envelope");
  expect(refusal([0x80, 0, 0, 0, 0], 0x80)).toEqual([Code.InvalidArgument, "unexpected end flag"]);
  expect(refusal([0, 0, 0, 0, 0, 0, 0, 0, 0, 0])[1]).toContain("extra input message");
  expect(refusal([0, 0, 0, 3, 233])).toEqual([
    Code.ResourceExhausted,
    "message size 1001 is larger than configured readMaxBytes 1000",
  ]);
  expect(refusal([0, 255, 255, 255, 255])[0]).toBe(Code.ResourceExhausted);
});

test("flags that mean nothing are ignored", () => {
  checkRequestFrame(Uint8Array.of(0xfe, 0, 0, 0, 0), 0, 5, mostBytes, "unary");
});
