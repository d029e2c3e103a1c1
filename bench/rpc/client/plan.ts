/** What the load client is told to do, and what it tells. */

export interface ClientPlan {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** The body of each call, in base64. */
  readonly body: string;
  /** Where in the body the digits of a key stand that is another one in each call; undefined: always the same bytes. */
  readonly keyAt: number | undefined;
  /** So many different keys take turns. */
  readonly keyCount: number;
  /** Whether each call carries a `grpc-timeout` of its own. */
  readonly hasTimeouts: boolean;
  /** Answers tell no status, as a bare server's, and are good when they have ended. */
  readonly lacksStatus: boolean;
  readonly callCount: number;
  readonly connectionCount: number;
  /** Calls in flight on each connection at most. */
  readonly streamCount: number;
  /** Calls are sent at this rate, whether or not earlier ones were answered; undefined: as fast as they are. */
  readonly callsPerSecond: number | undefined;
}

export interface ClientReport {
  readonly callsPerSecond: number;
  /** Of all answers together. */
  readonly bodyBytes: number;
  /** From the moment a call was to be sent. */
  readonly medianMs: number;
  readonly p99Ms: number;
}
