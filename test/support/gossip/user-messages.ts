/** Messages of applications, as members of other makes send them: ours send none. */
import { MessagePackWriter } from "../../../src/gossip/wire/message-pack-writer.ts";
import { messageTypes, userStreamHeader } from "../../../src/gossip/wire/messages.ts";

/** In a packet: the type, and the application's bytes to the end. */
export function encodeUserMessage(content: Uint8Array): Uint8Array {
  return Uint8Array.of(messageTypes.user, ...content);
}

/** Over TCP, where their length comes before them. */
export function encodeUserStream(content: Uint8Array): Uint8Array {
  const writer = new MessagePackWriter();
  writer.writeByte(messageTypes.user);
  userStreamHeader.write(writer, { messageBytes: content.length });
  writer.writeVerbatim(content);
  return writer.finish();
}
