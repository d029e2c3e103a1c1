/** `members`: who is in a ring, as one of its members sees it; that may be a member of any make. */
import type { Command } from "commander";
import { StorageError } from "../../base/errors.ts";
import { endpointText, parseAddress } from "../../base/ip-address.ts";
import { parseKeys } from "../../gossip/key-file.ts";
import { memberStates } from "../../gossip/member.ts";
import { queryMembers } from "../../gossip/member-query.ts";
import { splitSeed } from "../../gossip/seed-joiner.ts";
import { Keyring } from "../../gossip/wire/keyring.ts";
import type { PushPullMember } from "../../gossip/wire/messages.ts";
import { systemResolver } from "../../platform/resolver.ts";
import { readSecretFile } from "../../platform/secret-files.ts";
import { systemSecrets } from "../../platform/secrets.ts";
import { describeCommand, printJson } from "../command.ts";
import type { CommandContext } from "../context.ts";

interface MembersOptions {
  readonly gossipAddr: string;
  readonly gossipKeyFile?: string;
  readonly label?: string;
  readonly json?: true;
}

const defaultPort = 7946;
const timeoutMs = 5000;

export function membersCommand(context: CommandContext): Command {
  return describeCommand("members", "List the members of a ring.", [
    "members",
    "members --gossip-addr storage-node-2:7946 --gossip-key-file gossip.keys",
  ])
    .option("--gossip-addr <host:port>", "where a member gossips", `127.0.0.1:${defaultPort}`)
    .option("--gossip-key-file <file>", "holds the keys of the ring, as gossip.key_file does")
    .option("--label <name>", "label of the ring, as gossip.label is")
    .option("--json", "print JSON")
    .action((options: MembersOptions) => listMembers(context, options));
}

async function listMembers(context: CommandContext, options: MembersOptions): Promise<void> {
  const { gossipAddr, gossipKeyFile, label = "" } = options;
  const keyring =
    gossipKeyFile === undefined
      ? undefined
      : new Keyring(parseKeys(readSecretFile(gossipKeyFile), gossipKeyFile), systemSecrets);
  const ring = { label, keyring, compresses: true };
  const members = await queryMembers(await lookUp(gossipAddr), ring, context.environment.clock, timeoutMs);
  const rows = [...members].sort((a, b) => (a.name < b.name ? -1 : 1)).map(describe);
  if (options.json) await printJson(context, rows);
  else await context.print(table(rows));
}

async function lookUp(seed: string) {
  const { host, port } = splitSeed(seed, defaultPort);
  const [text = ""] = await systemResolver(host).catch(() => []);
  const address = parseAddress(text);
  if (address === undefined) throw new StorageError("INVALID_ARGUMENT", `${host} stands for no address`);
  return { address, port };
}

interface MemberRow {
  readonly name: string;
  readonly address: string;
  readonly state: string;
  readonly incarnation: number;
  /** What the member tells of itself: our nodes' JSON, or the text of others; undefined for what is neither. */
  readonly tells: unknown;
}

function describe(member: PushPullMember): MemberRow {
  const { name, state, incarnation, meta } = member;
  return {
    name,
    address: endpointText(member),
    state: memberStates[state] ?? "unknown",
    incarnation,
    tells: read(meta),
  };
}

function read(meta: Uint8Array): unknown {
  const text = new TextDecoder().decode(meta);
  try {
    return JSON.parse(text);
  } catch {
    // Serf's tags are binary.
    return /^[\x20-\x7e]+$/.test(text) ? text : undefined;
  }
}

/** The status that a node of ours tells; empty for others. */
function statusOf({ tells }: MemberRow): string {
  const told = typeof tells === "object" && tells !== null && "Status" in tells ? tells.Status : undefined;
  return typeof told === "string" && /^[\x20-\x7e]*$/.test(told) ? told : "";
}

function table(rows: readonly MemberRow[]): string {
  const cells = [
    ["NAME", "ADDRESS", "STATE", "INCARNATION", "STATUS"],
    ...rows.map((row) => [
      printable(row.name),
      row.address,
      row.state,
      String(row.incarnation),
      statusOf(row),
    ]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

/** A name comes from others, and may hold what a terminal would obey. */
function printable(name: string): string {
  return /^[\x20-\x7e]*$/.test(name) ? name : JSON.stringify(name).replace(/[^\x20-\x7e]/g, "?");
}
