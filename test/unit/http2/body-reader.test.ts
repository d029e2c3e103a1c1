import { describe, expect, test } from "bun:test";
import { BodyReader } from "../../../src/http2/body-reader.ts";
import {
  data,
  END_STREAM,
  Http2Harness,
  headers,
  okBlock,
  requestFields,
  resetStream,
} from "../../support/http2-harness.ts";

function reading(onAborted?: (code: number) => void) {
  const readers: BodyReader[] = [];
  const harness = new Http2Harness({
    handle: (request) => void readers.push(new BodyReader(request, onAborted)),
  });
  return { harness, readers };
}

const open = headers(1, requestFields, 0);

describe("body reader", () => {
  test("a whole body", async () => {
    const { harness, readers } = reading();
    harness.send(open, data(1, [1, 2]), data(1, [3], END_STREAM));
    const pieces = await Array.fromAsync(readers[0]!);
    expect(Buffer.concat(pieces)).toEqual(Buffer.of(1, 2, 3));
  });

  test("no body", async () => {
    const { harness, readers } = reading();
    harness.send(headers(1));
    expect(await Array.fromAsync(readers[0]!)).toEqual([]);
  });

  test("piece by piece, the window opened as they are taken", async () => {
    const { harness, readers } = reading();
    harness.send(open);
    const piece = data(1, new Uint8Array(16_384));
    harness.send(piece);
    expect((await readers[0]!.next()).value).toHaveLength(16_384);
    harness.send(piece, piece);
    expect((await readers[0]!.next()).value).toHaveLength(32_768);
    expect(harness.take()).toEqual(["WINDOW_UPDATE 1 16384"]);
    const last = readers[0]!.next();
    expect(harness.take()).toEqual(["WINDOW_UPDATE 1 32768"]);
    harness.send(data(1, [7], END_STREAM));
    expect((await last).value).toEqual(Uint8Array.of(7));
    expect((await readers[0]!.next()).done).toBe(true);
  });

  test("a request that is taken back", async () => {
    const codes: number[] = [];
    const { harness, readers } = reading((code) => codes.push(code));
    harness.send(open, data(1, [1]));
    await readers[0]!.next();
    const waiting = readers[0]!.next();
    harness.send(resetStream(1, 8));
    expect(await waiting.catch(String)).toBe("StorageError: the request ended: CANCEL");
    expect(codes).toEqual([8]);
  });

  test("a request that is taken back after its body", async () => {
    const codes: number[] = [];
    const { harness, readers } = reading((code) => codes.push(code));
    harness.send(headers(1));
    harness.send(resetStream(1, 8));
    expect(await Array.fromAsync(readers[0]!)).toEqual([]);
    expect(codes).toEqual([8]);
  });

  test("a request that is taken back when a part of its body was taken: that is not all of it", async () => {
    const { harness, readers } = reading();
    harness.send(open, data(1, [1]));
    expect((await readers[0]!.next()).value).toEqual(Uint8Array.of(1));
    harness.send(data(1, [2], END_STREAM), resetStream(1, 8));
    expect(await readers[0]!.next().catch(String)).toBe("StorageError: the request ended: CANCEL");
  });

  test("pieces stay as they are when what they lay in is used again", async () => {
    const { harness, readers } = reading();
    harness.send(open);
    const chunk = Buffer.from(data(1, [1, 2, 3]));
    harness.connection.receive(chunk, 0, chunk.length, 0);
    chunk.fill(0xdd);
    expect((await readers[0]!.next()).value).toEqual(Uint8Array.of(1, 2, 3));
  });

  test("hears nothing after the response", async () => {
    const codes: number[] = [];
    const harness = new Http2Harness({
      handle: (request, response) => {
        new BodyReader(request, (code) => codes.push(code));
        response.sendHeaders(okBlock, true);
      },
    });
    harness.send(headers(1));
    harness.connection.abort();
    expect(codes).toEqual([]);
  });
});
