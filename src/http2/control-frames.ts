/** Frames that concern a connection as a whole: SETTINGS, PING, and those that change nothing. */
import type { Connection } from "./connection.ts";
import { frameFlags, frameTypes, pingBytes, priorityBytes, readUint31 } from "./frames.ts";
import type { Http2Limits } from "./limits.ts";
import { defaultTableBytes, PeerSettings, serverSettings, settingBytes } from "./settings.ts";
import { Shutdown, shutdownPing } from "./shutdown.ts";
import type { Streams } from "./streams.ts";

export class ControlFrames {
  readonly peer = new PeerSettings();
  readonly shutdown: Shutdown;
  /** When our SETTINGS left, until they are acknowledged. */
  unacknowledgedSinceMs: number | undefined = undefined;
  readonly #connection: Connection;
  readonly #streams: Streams;

  constructor(connection: Connection, streams: Streams) {
    this.#connection = connection;
    this.#streams = streams;
    this.shutdown = new Shutdown(connection.sender.frames, () => streams.acceptNoMore());
  }

  sendSettings(limits: Http2Limits): void {
    this.#connection.sender.frames.settings(serverSettings(limits));
    this.unacknowledgedSinceMs = this.#connection.nowMs;
  }

  /** Section 6.5; true when the peer has set something. */
  settings(id: number, flags: number, bytes: Uint8Array, start: number, length: number): boolean {
    const connection = this.#connection;
    if (id !== 0) return connection.fail("PROTOCOL_ERROR", "SETTINGS on a stream");
    if (flags & frameFlags.ACK) {
      if (length !== 0) return connection.fail("FRAME_SIZE_ERROR", "an acknowledgement has no settings");
      this.unacknowledgedSinceMs = undefined;
      return false;
    }
    if (length % settingBytes !== 0) return connection.fail("FRAME_SIZE_ERROR", "SETTINGS is cut");
    if (!connection.allow(connection.guard.settings(connection.nowMs))) return false;
    if (!this.#apply(bytes, start, length)) return false;
    connection.sender.frames.settingsAck();
    return true;
  }

  /** In the order in which they stand. */
  #apply(bytes: Uint8Array, start: number, length: number): boolean {
    const windowBefore = this.peer.initialWindowBytes;
    for (let position = start; position < start + length; position += settingBytes) {
      const error = this.peer.apply(bytes, position);
      if (error !== undefined) return this.#connection.fail(error, "a setting has an invalid value");
      if (this.peer.tableBytes < defaultTableBytes) this.#connection.sender.frames.tableShrunk();
    }
    if (this.#streams.openWindows(this.peer.initialWindowBytes - windowBefore)) return true;
    return this.#connection.fail(
      "FLOW_CONTROL_ERROR",
      "SETTINGS_INITIAL_WINDOW_SIZE makes a window too large",
    );
  }

  /** Section 6.7. */
  ping(id: number, flags: number, bytes: Uint8Array, start: number, length: number): void {
    const connection = this.#connection;
    if (id !== 0) return void connection.fail("PROTOCOL_ERROR", "PING on a stream");
    if (length !== pingBytes) return void connection.fail("FRAME_SIZE_ERROR", "PING has 8 bytes");
    if (flags & frameFlags.ACK) {
      if (startsWith(bytes, start, shutdownPing)) this.shutdown.heard();
      connection.endWhenIdle();
      return;
    }
    if (!connection.allow(connection.guard.ping(connection.nowMs, connection.isBlocked))) return;
    connection.sender.frames.ping(bytes, start, true);
  }

  /** GOAWAY, PRIORITY, PUSH_PROMISE, and what nobody knows. */
  other(type: number, id: number, bytes: Uint8Array, start: number, length: number): void {
    const connection = this.#connection;
    if (type === frameTypes.PUSH_PROMISE)
      return void connection.fail("PROTOCOL_ERROR", "a client pushes nothing");
    if (!connection.allowIdleFrame()) return;
    if (type === frameTypes.GOAWAY) {
      if (id !== 0) connection.fail("PROTOCOL_ERROR", "GOAWAY on a stream");
      else if (length < 8) connection.fail("FRAME_SIZE_ERROR", "GOAWAY has at least 8 bytes");
    } else if (type === frameTypes.PRIORITY) {
      // Priorities are obsolete, but their form is not free (section 6.3).
      if (id === 0) connection.fail("PROTOCOL_ERROR", "PRIORITY without a stream");
      else if (length !== priorityBytes) this.#streams.frameSizeError(id, "PRIORITY has 5 bytes");
      else if (readUint31(bytes, start) === id)
        connection.fail("PROTOCOL_ERROR", "a stream depends on itself");
    }
  }
}

function startsWith(bytes: Uint8Array, start: number, prefix: Uint8Array): boolean {
  return prefix.every((byte, i) => bytes[start + i] === byte);
}
