/**
 * Messages of TCP conversations. There is no length around them: the end shows while they are read, so a parser takes
 * the bytes that have come so far and goes on where it stopped.
 *
 *   push/pull   06, header, a map for each member, the application's state
 *   user        08, header, the message
 *   ping, ack, error      as in packets
 */
import { MessagePackReader, type ReadFailure } from "./message-pack-reader.ts";
import { MessagePackWriter } from "./message-pack-writer.ts";
import {
  decodeMessage,
  type Message,
  messageTypes,
  type PushPullMember,
  pushPullHeader,
  pushPullMember,
  userStreamHeader,
} from "./messages.ts";

export interface PushPull {
  readonly isJoin: boolean;
  readonly members: readonly PushPullMember[];
  /** Of the application; empty for none. */
  readonly userState: Uint8Array;
}

export type StreamMessage =
  | Extract<Message, { kind: "ping" | "ack" | "error" }>
  | { readonly kind: "pushPull"; readonly body: PushPull }
  | { readonly kind: "user"; readonly body: Uint8Array };

export interface StreamLimits {
  /** Members in a push/pull; more are malformed. */
  readonly maxMembers: number;
  /** Of a whole message, compressed or not. */
  readonly maxStreamBytes: number;
}

export function encodePushPull({ isJoin, members, userState }: PushPull): Uint8Array {
  const writer = new MessagePackWriter();
  writer.writeByte(messageTypes.pushPull);
  pushPullHeader.write(writer, { isJoin, memberCount: members.length, userStateBytes: userState.length });
  for (const member of members) pushPullMember.write(writer, member);
  writer.writeVerbatim(userState);
  return writer.finish();
}

export class StreamMessageParser {
  readonly #limits: StreamLimits;
  #header: { isJoin: boolean; memberCount: number; userStateBytes: number } | undefined;
  readonly #members: PushPullMember[] = [];
  /** Behind the last map of a push/pull that was read whole. */
  #position = 1;

  constructor(limits: StreamLimits) {
    this.#limits = limits;
  }

  /** `bytes` up to `end` are all that came so far, from the type on; `short` while the message is not whole. */
  parse(bytes: Uint8Array, end: number): StreamMessage | ReadFailure {
    if (end === 0) return "short";
    if (bytes[0] === messageTypes.pushPull) return this.#parsePushPull(bytes, end);
    if (bytes[0] === messageTypes.user) return this.#parseUser(bytes, end);
    const message = decodeMessage(bytes.subarray(0, end));
    if (typeof message === "string") return message;
    const { kind } = message;
    return kind === "ping" || kind === "ack" || kind === "error" ? message : "malformed";
  }

  #parsePushPull(bytes: Uint8Array, end: number): StreamMessage | ReadFailure {
    const reader = new MessagePackReader(bytes, this.#position, end);
    if (this.#header === undefined) {
      const header = pushPullHeader.read(reader);
      if (reader.failure !== undefined) return reader.failure;
      const { maxMembers, maxStreamBytes } = this.#limits;
      if (header.memberCount > maxMembers || header.userStateBytes > maxStreamBytes) return "malformed";
      this.#header = header;
      this.#position = reader.position;
    }
    while (this.#members.length < this.#header.memberCount) {
      const member = pushPullMember.read(reader);
      if (reader.failure !== undefined) return reader.failure;
      this.#members.push(member);
      this.#position = reader.position;
    }
    const userStateEnd = this.#position + this.#header.userStateBytes;
    if (userStateEnd > end) return "short";
    const userState = bytes.slice(this.#position, userStateEnd);
    return { kind: "pushPull", body: { isJoin: this.#header.isJoin, members: this.#members, userState } };
  }

  #parseUser(bytes: Uint8Array, end: number): StreamMessage | ReadFailure {
    const reader = new MessagePackReader(bytes, 1, end);
    const { messageBytes } = userStreamHeader.read(reader);
    if (reader.failure !== undefined) return reader.failure;
    if (messageBytes > this.#limits.maxStreamBytes) return "malformed";
    const contentEnd = reader.position + messageBytes;
    return contentEnd > end ? "short" : { kind: "user", body: bytes.slice(reader.position, contentEnd) };
  }
}
