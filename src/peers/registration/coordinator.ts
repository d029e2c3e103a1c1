/** The coordinator, as far as a node calls it. */
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { StorageError } from "../../base/errors.ts";
import { CoordinatorService } from "../../gen/proto/coordinator_service_pb.ts";
import { openTransport } from "../channel.ts";
import type { PeerCredentials } from "../peer-credentials.ts";

/** What the coordinator is told of this node. */
export interface Registration {
  readonly nodeId: string;
  /** Where others reach it. */
  readonly host: string;
  readonly port: number;
  readonly virtualNodes: number;
}

const callTimeoutMs = 10_000;

/** How existing coordinators say that they have the node. */
const knownAlready = /duplicate key/i;

/** Resolves once the coordinator has the node, also when it had it before; rejects with UNAVAILABLE and its reason. */
export async function registerNode(
  coordinator: { readonly host: string; readonly port: number },
  registration: Registration,
  credentials: () => PeerCredentials,
): Promise<void> {
  const place = { address: coordinator.host, serverName: coordinator.host, port: coordinator.port };
  const { transport, close } = openTransport(place, credentials);
  try {
    const client = createClient(CoordinatorService, transport);
    const { success, message, errorMessage } = await client.addStorageNode(registration, {
      timeoutMs: callTimeoutMs,
    });
    const reason = errorMessage || message;
    if (!success && !knownAlready.test(reason))
      throw new StorageError("UNAVAILABLE", `it answers: ${reason}`);
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    if (error.code === Code.Internal && knownAlready.test(error.rawMessage)) return;
    throw new StorageError("UNAVAILABLE", error.message, { cause: error });
  } finally {
    close();
  }
}
