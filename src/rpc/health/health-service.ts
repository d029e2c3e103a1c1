/**
 * `grpc.health.v1.Health`: which of the node's services take calls, for load balancers and for gRPC's own clients.
 *
 * It has to answer while the gate is closed, so it asks nothing of the node but how it is.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  Health,
  type HealthCheckRequest,
  type HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health_pb.ts";
import type { Clock } from "../../platform/clock.ts";
import { type Endpoint, endlessStream, unary } from "../endpoint.ts";
import { Places } from "../places.ts";
import { Pulse } from "../pulse.ts";

/** Under this name the node as a whole is asked for. */
export const wholeNode = "";

export interface HealthServiceOptions {
  readonly clock: Clock;
  /** Whether a service takes calls now, by its full name; the whole node is one of them. */
  readonly services: ReadonlyMap<string, () => boolean>;
}

type Answer = MessageInitShape<typeof HealthCheckResponseSchema>;

/** How long a watcher may not know of a change. */
const watchIntervalMs = 500;
/** Each asks for the node's state twice a second, and takes a place among the calls that are never shed. */
const mostWatchers = 500;

export function healthEndpoints({ clock, services }: HealthServiceOptions): Endpoint[] {
  const { method } = Health;
  const watchers = new Places(mostWatchers, "Watch");
  return [
    unary(method.check, ({ service }: HealthCheckRequest) => {
      const isServing = services.get(service);
      if (isServing !== undefined) return answer(isServing);
      throw new ConnectError("this node has no service of that name", Code.NotFound);
    }),

    unary(method.list, () => ({
      statuses: Object.fromEntries([...services].map(([name, isServing]) => [name, answer(isServing)])),
    })),

    endlessStream(method.watch, ({ service }) => {
      // The name itself is not kept: it may be as long as a message.
      const isServing = services.get(service);
      return new Pulse({
        clock,
        intervalMs: watchIntervalMs,
        sample: changes(() => answer(isServing)),
        ended: watchers.take(),
      });
    }),
  ];
}

function answer(isServing: (() => boolean) | undefined): Answer {
  if (isServing === undefined) return { status: ServingStatus.SERVICE_UNKNOWN };
  return { status: isServing() ? ServingStatus.SERVING : ServingStatus.NOT_SERVING };
}

/** The answer where it is another than before. */
function changes(answerNow: () => Answer): () => Answer | undefined {
  let told: Answer = {};
  return () => {
    const now = answerNow();
    if (now.status === told.status) return undefined;
    told = now;
    return now;
  };
}
