import { StorageError } from "../../src/base/errors.ts";
import type { Peers } from "../../src/migration/peer.ts";

/** A node that knows no other one. */
export const noPeers: Peers = {
  connect: async ({ nodeId }) => {
    throw new StorageError("INVALID_ARGUMENT", `the node "${nodeId}" is not known`);
  },
};
