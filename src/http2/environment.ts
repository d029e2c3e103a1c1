/** What all connections of one server share. */
import type { RequestHandler } from "./api.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { ArrayPool } from "./byte-queue.ts";
import type { Http2Limits } from "./limits.ts";
import type { Http2Observer } from "./observer.ts";
import type { StreamPool } from "./stream-pool.ts";

export interface ConnectionEnvironment {
  readonly limits: Http2Limits;
  readonly handle: RequestHandler;
  readonly observer: Http2Observer;
  /** Of all connections. */
  readonly budget: ByteBudget;
  readonly arrays: ArrayPool;
  readonly streams: StreamPool;
  /** One line for a client that speaks HTTP/1. */
  readonly http1Explanation: string;
}
