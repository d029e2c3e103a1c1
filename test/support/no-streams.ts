import type { StreamControl } from "../../src/migration/streams/streams.ts";

const refusal = { success: false, message: "there are no streams here" };

/** Of a node that a test brings without any. */
export const noStreams: StreamControl = {
  start: async () => refusal,
  stop: async () => refusal,
  notifyComplete: async () => refusal,
  status: () => undefined,
  list: () => [],
};
