/** A real node that can be killed and started again where it was. */
import { connect, type NodeConnection } from "../../../src/cli/client.ts";
import type { ClientCredentials } from "../../../src/cli/client-credentials.ts";
import { type NodeProcess, type StartNodeOptions, startNode } from "../node-process.ts";

export interface ReplaceableOptions extends Pick<StartNodeOptions, "dataDirectory" | "environment"> {
  /** What its callers show. */
  readonly credentials?: ClientCredentials;
}

export class ReplaceableNode {
  readonly nodeId: string;
  node: NodeProcess;
  readonly #options: ReplaceableOptions;
  #connection: NodeConnection | undefined;

  private constructor(nodeId: string, node: NodeProcess, options: ReplaceableOptions) {
    this.nodeId = nodeId;
    this.node = node;
    this.#options = options;
  }

  static async start(nodeId: string, options: ReplaceableOptions = {}): Promise<ReplaceableNode> {
    const node = await startNode({ ...options, args: argumentsOf(nodeId, options) });
    return new ReplaceableNode(nodeId, node, options);
  }

  get client(): NodeConnection["service"] {
    const { credentials = { authorization: undefined, tls: undefined } } = this.#options;
    this.#connection ??= connect(this.node.grpcAddress, credentials);
    return this.#connection.service;
  }

  /** SIGKILL, and a new start on the same port. */
  async replace(): Promise<void> {
    const { dataDirectory, grpcPort } = this.node;
    await this.node.kill();
    this.#connection?.close();
    this.#connection = undefined;
    const args = [...argumentsOf(this.nodeId, this.#options), "--grpc-port", String(grpcPort)];
    this.node = await startNode({ ...this.#options, dataDirectory, args });
  }

  /** Before the test ends, so that nothing keeps it. */
  async kill(): Promise<void> {
    this.#connection?.close();
    await this.node.kill();
  }
}

/** Without credentials anybody may be a target, and gossip is off: the coordinator is the test. */
function argumentsOf(nodeId: string, { credentials }: ReplaceableOptions): string[] {
  return ["--node-id", nodeId, ...(credentials === undefined ? ["--insecure"] : [])];
}
