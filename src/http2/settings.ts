/**
 * The SETTINGS frame (RFC 9113, section 6.5): pairs of u16 identifier and u32 value. Ours are sent once and never
 * change; the peer's count from the moment they arrive.
 */
import { readUint32BigEndian, writeUint32BigEndian } from "../base/integers.ts";
import type { ErrorName } from "./error-codes.ts";
import { defaultMaxFrameBytes, maxUint31, readUint16, writeUint16 } from "./frames.ts";
import type { Http2Limits } from "./limits.ts";

export const settingIdentifiers = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
  NO_RFC7540_PRIORITIES: 0x9,
} as const;

export const settingBytes = 6;

/** Of SETTINGS_HEADER_TABLE_SIZE and SETTINGS_INITIAL_WINDOW_SIZE where a side says nothing. */
export const defaultTableBytes = 4096;
export const defaultWindowBytes = 65_535;

const maxFrameBytesLimit = 2 ** 24 - 1;

/** The payload of a SETTINGS frame. */
export function encodeSettings(
  settings: readonly (readonly [identifier: number, value: number])[],
): Uint8Array {
  const payload = new Uint8Array(settings.length * settingBytes);
  settings.forEach(([identifier, value], i) => {
    writeUint16(payload, i * settingBytes, identifier);
    writeUint32BigEndian(payload, i * settingBytes + 2, value);
  });
  return payload;
}

/** What a server with these limits tells its clients. */
export function serverSettings(limits: Http2Limits): Uint8Array {
  return encodeSettings([
    [settingIdentifiers.MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams],
    [settingIdentifiers.INITIAL_WINDOW_SIZE, limits.initialStreamWindowBytes],
    [settingIdentifiers.MAX_HEADER_LIST_SIZE, limits.maxHeaderListBytes],
    [settingIdentifiers.NO_RFC7540_PRIORITIES, 1],
  ]);
}

/** What the peer has set, as far as it concerns a server that never pushes. */
export class PeerSettings {
  tableBytes = defaultTableBytes;
  initialWindowBytes = defaultWindowBytes;
  maxFrameBytes = defaultMaxFrameBytes;

  /** Applies one setting; the name of the connection error that it is, where it is one. */
  apply(bytes: Uint8Array, position: number): ErrorName | undefined {
    const value = readUint32BigEndian(bytes, position + 2);
    switch (readUint16(bytes, position)) {
      case settingIdentifiers.HEADER_TABLE_SIZE:
        this.tableBytes = value;
        return undefined;
      case settingIdentifiers.INITIAL_WINDOW_SIZE:
        if (value > maxUint31) return "FLOW_CONTROL_ERROR";
        this.initialWindowBytes = value;
        return undefined;
      case settingIdentifiers.MAX_FRAME_SIZE:
        if (value < defaultMaxFrameBytes || value > maxFrameBytesLimit) return "PROTOCOL_ERROR";
        this.maxFrameBytes = value;
        return undefined;
      case settingIdentifiers.ENABLE_PUSH:
      case settingIdentifiers.NO_RFC7540_PRIORITIES:
        return value > 1 ? "PROTOCOL_ERROR" : undefined;
      default:
        return undefined;
    }
  }
}
