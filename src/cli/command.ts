/** What commands have in common: their options, their connection, their examples. */
import { type DescMessage, type MessageShape, toJson } from "@bufbuild/protobuf";
import { Command } from "commander";
import { connect, defaultAddress, explainCallFailure, type NodeConnection } from "./client.ts";
import { type CredentialOptions, readCredentials } from "./client-credentials.ts";
import type { CommandContext } from "./context.ts";
import { exitCodesHelp } from "./exit-codes.ts";

/** Of a command about a node as a whole. */
export interface NodeOptions extends CredentialOptions {
  readonly addr: string;
  readonly json?: true;
}

export interface ClientOptions extends NodeOptions {
  readonly tenant: string;
}

/** A command with its summary and examples (without the program's name). */
export function describeCommand(name: string, summary: string, examples: readonly string[]): Command {
  const lines = examples.map((example) => `  pairdb-node ${example}`).join("\n");
  return new Command(name)
    .description(summary)
    .option("--log-level <level>", "debug, info, warn or error; debug also prints the stack of an error")
    .addHelpText("after", `\nExamples:\n${lines}\n${exitCodesHelp}`);
}

/** A command that talks to a node. */
export function describeNodeCommand(name: string, summary: string, examples: readonly string[]): Command {
  return describeCommand(name, summary, examples)
    .option("--addr <host:port>", "gRPC address of the node", defaultAddress)
    .option("--token-file <file>", "holds the token to show (default: PAIRDB_TOKEN_FILE)")
    .option("--tls", "speak TLS, and trust the authorities that this machine does")
    .option("--ca-file <file>", "speak TLS, and trust this authority alone")
    .option("--cert-file <file>", "certificate to show, with --key-file")
    .option("--key-file <file>", "its private key")
    .option("--json", "print JSON");
}

/** A command about a tenant's records. */
export function describeClientCommand(name: string, summary: string, examples: readonly string[]): Command {
  return describeNodeCommand(name, summary, examples).option(
    "--tenant <id>",
    "tenant whose records are meant",
    "default",
  );
}

/** Runs `work` over a connection that is closed afterwards; failures of calls become errors of ours. */
export async function withConnection<T>(
  context: CommandContext,
  options: NodeOptions,
  work: (connection: NodeConnection) => Promise<T>,
): Promise<T> {
  const connection = connect(options.addr, readCredentials(context, options));
  try {
    return await work(connection);
  } catch (error) {
    throw explainCallFailure(error, connection.address);
  } finally {
    connection.close();
  }
}

/** A message of the protocol in its own JSON, what is zero or empty included. */
export async function printMessage<S extends DescMessage>(
  context: CommandContext,
  schema: S,
  message: MessageShape<S>,
): Promise<void> {
  await printJson(context, toJson(schema, message, { alwaysEmitImplicit: true, useProtoFieldName: true }));
}

export async function printJson(context: CommandContext, value: unknown): Promise<void> {
  await context.print(`${JSON.stringify(value)}\n`);
}
