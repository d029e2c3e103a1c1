/** The other nodes, by the policy of who may be called. */
import type { Peer, Peers, PeerTarget } from "../migration/peer.ts";
import { PeerConnection } from "./peer-connection.ts";
import type { PeerCredentials } from "./peer-credentials.ts";
import type { TargetPolicy } from "./target-policy.ts";

export class PeerDirectory implements Peers {
  readonly #policy: TargetPolicy;
  readonly #credentials: () => PeerCredentials;

  constructor(policy: TargetPolicy, credentials: () => PeerCredentials) {
    this.#policy = policy;
    this.#credentials = credentials;
  }

  connect(target: PeerTarget): Promise<Peer> {
    const { nodeId } = target;
    return PeerConnection.to({
      nodeId,
      locate: () => this.#policy.locate(target),
      credentials: this.#credentials,
    });
  }
}
