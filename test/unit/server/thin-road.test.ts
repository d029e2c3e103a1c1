/** Messages of which a part lies elsewhere, as they leave: the response is played. */
import { expect, test } from "bun:test";
import type { ServerResponse } from "../../../src/http2/api.ts";
import type { Call } from "../../../src/rpc/call.ts";
import { envelope } from "../../../src/rpc/envelope.ts";
import { EncodedMessage } from "../../../src/rpc/message-codec.ts";
import { streamReply, unaryReply } from "../../../src/server/native/thin-road.ts";

const call = { hasResponseMetadata: false } as Call;

/** "abLENTcd". */
function lentMessage(): EncodedMessage {
  const message = new EncodedMessage();
  message.reserve(4);
  message.bytes.set(Buffer.from("abcd"), message.start);
  message.lend(Buffer.from("LENT"), message.start + 2);
  return message;
}

function playedResponse() {
  const sent: Buffer[] = [];
  const response = {
    isOpen: true,
    sendHeaders: () => undefined,
    sendData(bytes: Uint8Array, start: number, length: number): boolean {
      sent.push(Buffer.from(bytes.slice(start, start + length)));
      return true;
    },
    sendTrailers: () => undefined,
  };
  return { sent, response: response as unknown as ServerResponse };
}

const whole = Buffer.from(envelope(0, Buffer.from("abLENTcd")));

test("a unary answer is whole", () => {
  const { sent, response } = playedResponse();
  unaryReply(call, response).succeed(lentMessage());
  expect(Buffer.concat(sent)).toEqual(whole);
});

test("so is each message of a stream", () => {
  const { sent, response } = playedResponse();
  const reply = streamReply(call, response);
  for (let index = 0; index < 2; index++) expect(reply.send(lentMessage())).toBeUndefined();
  expect(Buffer.concat(sent)).toEqual(Buffer.concat([whole, whole]));
});
