/**
 * The messages of memberlist: a byte that says which, and a body. The tables below are the bodies, with the keys that
 * travel; `docs/gossip.md` says what the messages do.
 */
import { MessagePackReader, type ReadFailure } from "./message-pack-reader.ts";
import { MessagePackWriter } from "./message-pack-writer.ts";
import { bytes, flag, type Structure, type StructureValue, structure, text, unsigned } from "./structure.ts";

/** The first byte of a message. On the wire: never change. */
export const messageTypes = {
  ping: 0x00,
  indirectPing: 0x01,
  ack: 0x02,
  suspect: 0x03,
  alive: 0x04,
  dead: 0x05,
  pushPull: 0x06,
  compound: 0x07,
  user: 0x08,
  compress: 0x09,
  encrypt: 0x0a,
  nack: 0x0b,
  checksum: 0x0c,
  error: 0x0d,
  label: 0xf4,
} as const;

const maxUint32 = 0xffffffff;
const maxPort = 0xffff;
const maxAddressBytes = 16;
const maxPayloadBytes = 0xffff;
const maxErrorTextBytes = 1024;

/** What other members hold of one at most. */
export const maxMetaBytes = 512;

/** Peers do not enforce the bound of the metadata, so there may be more; what is beyond this is refused. */
const maxReceivedMetaBytes = 1024;

/** Lowest, highest and spoken version of memberlist's protocol, then the same three of the application's. */
export const versionsBytes = 6;

const source = {
  sourceAddress: bytes("SourceAddr", maxAddressBytes, true),
  sourceName: text("SourceNode", undefined, true),
  sourcePort: unsigned("SourcePort", maxPort, true),
};

const ping = structure({ name: text("Node"), sequence: unsigned("SeqNo", maxUint32), ...source });

const indirectPing = structure({
  wantsNack: flag("Nack"),
  name: text("Node"),
  port: unsigned("Port", maxPort),
  sequence: unsigned("SeqNo", maxUint32),
  ...source,
  address: bytes("Target", maxAddressBytes),
});

const ack = structure({ payload: bytes("Payload", maxPayloadBytes), sequence: unsigned("SeqNo", maxUint32) });

const nack = structure({ sequence: unsigned("SeqNo", maxUint32) });

/** Of suspect and dead: `from` says so of `name`. */
const accusation = structure({
  from: text("From"),
  incarnation: unsigned("Incarnation", maxUint32),
  name: text("Node"),
});

const alive = structure({
  address: bytes("Addr", maxAddressBytes),
  incarnation: unsigned("Incarnation", maxUint32),
  meta: bytes("Meta", maxReceivedMetaBytes),
  name: text("Node"),
  port: unsigned("Port", maxPort),
  versions: bytes("Vsn", versionsBytes),
});

export const pushPullHeader = structure({
  isJoin: flag("Join"),
  memberCount: unsigned("Nodes", maxUint32),
  userStateBytes: unsigned("UserStateLen", maxUint32),
});

export const pushPullMember = structure({
  address: bytes("Addr", maxAddressBytes),
  incarnation: unsigned("Incarnation", maxUint32),
  meta: bytes("Meta", maxReceivedMetaBytes),
  name: text("Name"),
  port: unsigned("Port", maxPort),
  state: unsigned("State", 3),
  versions: bytes("Vsn", versionsBytes),
});

export const userStreamHeader = structure({ messageBytes: unsigned("UserMsgLen", maxUint32) });

/** `content` is bounded where it is read, by what it is part of. */
export const compressed = structure({
  algorithm: unsigned("Algo", 0xff),
  content: bytes("Buf", maxUint32),
});

const errorMessage = structure({ message: text("Error", maxErrorTextBytes) });

export type Ping = StructureValue<typeof ping>;
export type IndirectPing = StructureValue<typeof indirectPing>;
export type Accusation = StructureValue<typeof accusation>;
export type Alive = StructureValue<typeof alive>;
export type PushPullMember = StructureValue<typeof pushPullMember>;

/** What a packet carries besides user messages, and its body as a structure; ping and ack travel in streams too. */
const bodies = {
  ping,
  indirectPing,
  ack,
  suspect: accusation,
  alive,
  dead: accusation,
  nack,
  error: errorMessage,
};

type Bodies = typeof bodies;
export type MessageKind = keyof Bodies;

export type BodyOf<K extends MessageKind> = StructureValue<Bodies[K]>;

export type Message = {
  [K in MessageKind]: { readonly kind: K; readonly body: BodyOf<K> };
}[MessageKind];

const kindsByType = new Map(
  Object.keys(bodies).map((kind) => [messageTypes[kind as MessageKind] as number, kind as MessageKind]),
);

/** The message with its first byte. */
export function encodeMessage<K extends MessageKind>(kind: K, body: BodyOf<K>): Uint8Array {
  const writer = new MessagePackWriter();
  writer.writeByte(messageTypes[kind]);
  (bodies[kind] as Structure<unknown>).write(writer, body);
  return writer.finish();
}

/** A message from its first byte on. What follows it is not looked at, as with Go's decoders. */
export function decodeMessage(source: Uint8Array): Message | ReadFailure {
  const reader = new MessagePackReader(source);
  const kind = kindsByType.get(reader.readByte());
  if (kind === undefined) return source.length === 0 ? "short" : "malformed";
  const body = bodies[kind].read(reader);
  return reader.failure ?? ({ kind, body } as Message);
}
