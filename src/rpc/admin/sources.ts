/** What the admin service asks of the process around the store; implemented elsewhere. */

export const logLevels = ["debug", "info", "warn", "error"] as const;

export interface NodeHealthReport {
  readonly status: string;
  readonly reasons: readonly string[];
  readonly isReady: boolean;
  readonly notReadyReasons: readonly string[];
  readonly phase: string;
}

export interface ProcessReport {
  readonly memoryBytes: number;
  readonly mappedResidentBytes: number;
  readonly threadCount: number;
  /** Undefined where it is not known. */
  readonly memoryLimitBytes: number | undefined;
}

export interface DiskReport {
  readonly totalBytes: number;
  readonly availableBytes: number;
  readonly state: string;
}

/** Calls of one method since the start. */
export interface CallCounts {
  readonly method: string;
  readonly callCount: number;
  /** Those that failed through the node's own fault or state. */
  readonly failureCount: number;
  /** How long they took, in seconds: upper bounds of buckets, ascending, and what was counted in each and above. */
  readonly durations: { readonly bounds: readonly number[]; readonly counts: readonly number[] };
}

export interface Setting {
  readonly key: string;
  readonly value: string;
}

export interface AccessReport {
  readonly authMode: string;
  readonly hasTls: boolean;
  /** Whether a port listens off loopback. */
  readonly isOnNetwork: boolean;
  readonly anonymousScopes: readonly string[];
}

export interface RingMemberReport {
  readonly name: string;
  readonly address: string;
  readonly state: string;
  readonly incarnation: number;
  readonly meta: Uint8Array;
}

export interface RingEventReport {
  /** Unix milliseconds. */
  readonly atMs: number;
  readonly kind: string;
  readonly member: string;
  readonly address: string;
}

export interface RingReport {
  readonly members: readonly RingMemberReport[];
  /** The oldest first. */
  readonly recentEvents: readonly RingEventReport[];
}

export interface SlowCallReport {
  /** Unix milliseconds. */
  readonly endedAtMs: number;
  readonly method: string;
  readonly status: string;
  readonly durationMs: number;
  readonly valueBytes: number;
  readonly requestId: string;
  /** "" where the call is about no tenant, or no single key. */
  readonly tenantId: string;
  readonly keyHash: string;
}

export interface LogLineReport {
  /** Counted from 1. */
  readonly sequence: number;
  /** Unix milliseconds. */
  readonly atMs: number;
  readonly level: (typeof logLevels)[number];
  readonly message: string;
  /** JSON, cut where it is long. */
  readonly fields: string;
}

/** The last lines of the log. */
export interface LogSource {
  /** Of the newest line; 0 before the first. */
  readonly lastSequence: number;
  /** Those behind a sequence number that are still kept, the oldest first. */
  after(sequence: number): readonly LogLineReport[];
}

export interface AdminSources {
  readonly nodeId: string;
  readonly version: string;
  /** Unix milliseconds. */
  readonly startedAtMs: number;
  uptimeMs(): number;
  health(): NodeHealthReport;
  process(): ProcessReport;
  disk(): DiskReport;
  /** The longest delay of the main thread in about this time up to now, a minute at most. */
  longestLagMs(withinMs: number): number;
  /** Of every method that is counted. */
  calls(): readonly CallCounts[];
  readonly access: AccessReport;
  /** Empty without gossip. */
  ring(): RingReport;
  /** What a memtable may take. */
  readonly memtableBytes: number;
  /** Every key of the configuration, secrets masked. */
  settings(): readonly Setting[];
  /** The last ones, the oldest first. */
  slowCalls(): readonly SlowCallReport[];
  readonly recentLines: LogSource;
  /** The level may be changed while the node runs. */
  readonly log: { level: (typeof logLevels)[number] };
}
