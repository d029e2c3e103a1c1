/** Options of the commands that are about two nodes: the one at `--addr`, which is "here", and its peer, "there". */
import { type Command, InvalidArgumentError } from "commander";
import { type HashRange, maxHashRanges } from "../../migration/hash-ranges.ts";
import type { NodeConnection } from "../client.ts";
import { type NodeOptions, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";

export interface PeerOptions extends NodeOptions {
  readonly peerTokenFile?: string;
  readonly peerTls?: true;
  readonly peerCaFile?: string;
  readonly peerCertFile?: string;
  readonly peerKeyFile?: string;
  /** Empty: all tenants. */
  readonly tenant: string;
  /** None: the whole ring. */
  readonly range: readonly HashRange[];
}

export function addPeerOptions(command: Command): Command {
  return command
    .option("--peer-token-file <file>", "token for the other node; without any --peer flag as for --addr")
    .option("--peer-tls", "speak TLS to it, and trust the authorities that this machine does")
    .option("--peer-ca-file <file>", "speak TLS to it, and trust this authority alone")
    .option("--peer-cert-file <file>", "certificate to show to it, with --peer-key-file")
    .option("--peer-key-file <file>", "its private key")
    .option("--tenant <id>", "only this tenant's records", "")
    .option("--range <from-to>", "only keys with these hashes; may be given several times", addRange, []);
}

/** Runs `work` over connections to both nodes. */
export function withBoth<T>(
  context: CommandContext,
  options: PeerOptions,
  peerAddress: string,
  work: (here: NodeConnection, there: NodeConnection) => Promise<T>,
): Promise<T> {
  return withConnection(context, options, (here) =>
    withConnection(context, peerNodeOptions(options, peerAddress), (there) => work(here, there)),
  );
}

/** What is said of the peer holds alone; where nothing is, what holds for this node. */
function peerNodeOptions(options: PeerOptions, addr: string): NodeOptions {
  const { peerTokenFile, peerTls, peerCaFile, peerCertFile, peerKeyFile } = options;
  const ofPeer = {
    ...(peerTokenFile === undefined ? {} : { tokenFile: peerTokenFile }),
    ...(peerTls === undefined ? {} : { tls: peerTls }),
    ...(peerCaFile === undefined ? {} : { caFile: peerCaFile }),
    ...(peerCertFile === undefined ? {} : { certFile: peerCertFile }),
    ...(peerKeyFile === undefined ? {} : { keyFile: peerKeyFile }),
  };
  return Object.keys(ofPeer).length === 0 ? { ...options, addr } : { ...ofPeer, addr };
}

/** A tenant's id holds no colon. */
export function splitTenantAndKey(text: string): { tenantId: string; key: string } {
  const separatorAt = text.indexOf(":");
  return { tenantId: text.slice(0, separatorAt), key: text.slice(separatorAt + 1) };
}

function addRange(text: string, before: readonly HashRange[]): HashRange[] {
  const match = /^(\d{1,20}|0x[0-9a-f]{1,16})-(\d{1,20}|0x[0-9a-f]{1,16})$/i.exec(text);
  if (match === null || before.length === maxHashRanges) {
    throw new InvalidArgumentError(
      `Allowed are ${maxHashRanges} times FROM-TO, hashes in decimal or as 0x and hexadecimal.`,
    );
  }
  return [...before, { start: BigInt(match[1]!), end: BigInt(match[2]!) }];
}
