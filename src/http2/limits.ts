/**
 * What a peer may ask of the server, with defaults. Past a limit a stream or a connection ends at once, with the
 * code ENHANCE_YOUR_CALM, and the observer hears of it by the limit's name.
 */

/** So many at once, and `perSecond` more as time goes by. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

export interface Http2Limits {
  /** Further connections are closed as they come. */
  readonly maxConnections: number;
  /** Streams that a connection may have open; further ones are refused. */
  readonly maxConcurrentStreams: number;
  /** Of names, values and 32 for each field of one message; a request with more is answered by 431. */
  readonly maxHeaderListBytes: number;
  /** Of a header block as it is sent, over all its frames; a connection that sends more is closed. */
  readonly maxHeaderBlockBytes: number;
  readonly maxContinuationFrames: number;
  /** What a client may send of each body before the application asks for more. */
  readonly initialStreamWindowBytes: number;
  /** What a client may send on all streams together before it hears from us; opened again as bytes arrive. */
  readonly connectionWindowBytes: number;
  /** Above this the application is asked to wait before it sends more on a stream. */
  readonly streamSendBufferBytes: number;
  /** Answers that wait for a peer, and bodies that wait for the application: of one stream, … */
  readonly maxQueuedBytesPerStream: number;
  /** … of all streams of a connection, … */
  readonly maxQueuedBytesPerConnection: number;
  /** … and of all connections. */
  readonly maxQueuedBytes: number;
  /** Frames that wait for a peer which does not read. */
  readonly maxUnsentBytes: number;
  /**
   * Streams that the peer resets before they are answered, or that it makes us reset. An answered stream gives one
   * back, so a client that cancels less than half of its calls is never meant.
   */
  readonly resets: Rate;
  /** PING frames on a connection that moves no data; what moves, gives all of them back. */
  readonly pings: Rate;
  /** PING frames whose answers the peer has not read. */
  readonly maxUnansweredPings: number;
  readonly settingsFrames: Rate;
  /** Frames that bring nothing: empty DATA, PRIORITY, WINDOW_UPDATE, unknown types. Answered streams give some back. */
  readonly idleFrames: Rate;
  /** Entries that header blocks add to the dynamic table: at once, and on the long average for each block. */
  readonly tableInsertions: { readonly burst: number; readonly perBlock: number };
  /** From the first byte of a connection, or of its TLS, to the first SETTINGS of the client. */
  readonly prefaceTimeoutMs: number;
  /** From the first byte of a frame, or of a header block, to its last. */
  readonly frameTimeoutMs: number;
  readonly settingsTimeoutMs: number;
  /** How long a peer may leave answers unread: bytes of ours, or a window that stays closed on them. */
  readonly stallTimeoutMs: number;
  /** Silence after which we ask whether the peer is there. */
  readonly keepAliveIntervalMs: number;
  /** How long the answer to that may take. */
  readonly keepAliveTimeoutMs: number;
}

const kib = 1024;
const mib = 1024 * kib;

export const defaultLimits: Http2Limits = {
  maxConnections: 1000,
  maxConcurrentStreams: 256,
  maxHeaderListBytes: 16 * kib,
  maxHeaderBlockBytes: 32 * kib,
  maxContinuationFrames: 16,
  initialStreamWindowBytes: 65_535,
  connectionWindowBytes: 4 * mib,
  streamSendBufferBytes: 256 * kib,
  maxQueuedBytesPerStream: 32 * mib,
  maxQueuedBytesPerConnection: 64 * mib,
  maxQueuedBytes: 128 * mib,
  maxUnsentBytes: mib,
  resets: { burst: 200, perSecond: 20 },
  pings: { burst: 100, perSecond: 100 },
  maxUnansweredPings: 10,
  settingsFrames: { burst: 50, perSecond: 5 },
  idleFrames: { burst: 2000, perSecond: 1000 },
  tableInsertions: { burst: 4096, perBlock: 32 },
  prefaceTimeoutMs: 10_000,
  frameTimeoutMs: 30_000,
  settingsTimeoutMs: 30_000,
  stallTimeoutMs: 60_000,
  keepAliveIntervalMs: 60_000,
  keepAliveTimeoutMs: 20_000,
};

/** What an observer hears when a peer went past a limit. */
export type LimitName =
  | "connections"
  | "concurrent_streams"
  | "header_list"
  | "header_block"
  | "continuation_frames"
  | "resets"
  | "pings"
  | "settings_frames"
  | "idle_frames"
  | "table_insertions"
  | "queued_bytes"
  | "unsent_bytes"
  | "preface_timeout"
  | "frame_timeout"
  | "settings_timeout"
  | "stall_timeout"
  | "keep_alive_timeout";
