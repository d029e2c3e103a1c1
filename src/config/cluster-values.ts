/** The values of `cluster.peers` and `cluster.tls`. */
import { z } from "zod";
import { kind } from "./values.ts";

export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

export interface ClusterTls {
  readonly ca_file?: string | undefined;
  readonly cert_file?: string | undefined;
  readonly key_file?: string | undefined;
  readonly server_name?: string | undefined;
}

const address = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/@[\]]{1,255})):(\d{1,5})$/;

function parsePeer(value: unknown): PeerAddress | undefined {
  const [, literal, name, port] = address.exec(typeof value === "string" ? value : "") ?? [];
  const host = literal ?? name;
  const isPort = Number(port) > 0 && Number(port) <= 65_535;
  return host !== undefined && isPort ? { host, port: Number(port) } : undefined;
}

/** Where nodes are, by their ids. */
export function peerAddresses() {
  const allowed = "a map from node ids of 1 to 128 bytes to HOST:PORT or [ADDRESS]:PORT";
  return kind(allowed, (value): Readonly<Record<string, PeerAddress>> | undefined => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    const peers: [string, PeerAddress][] = [];
    for (const [nodeId, text] of Object.entries(value)) {
      const peer = parsePeer(text);
      if (peer === undefined || nodeId === "" || Buffer.byteLength(nodeId) > 128) return undefined;
      peers.push([nodeId, peer]);
    }
    return Object.fromEntries(peers);
  });
}

const path = () => z.string().min(1).max(4096);

const tls = z
  .strictObject({
    ca_file: path().optional(),
    cert_file: path().optional(),
    key_file: path().optional(),
    server_name: z.string().min(1).max(255).optional(),
  })
  .refine(({ cert_file, key_file }) => (cert_file === undefined) === (key_file === undefined));

/** How this node speaks TLS to others. */
export function clusterTls() {
  const allowed = "a map with any of ca_file, cert_file together with key_file, and server_name";
  return kind(allowed, (value): ClusterTls | undefined => tls.safeParse(value).data);
}
