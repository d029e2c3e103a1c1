/** `token`: makes, lists and revokes the tokens of a node's token file. The node sees the change within a second. */
import { Command } from "commander";
import { allScopes, type Scope } from "../../auth/identity.ts";
import { createToken, formatToken, hashToken, saltBytes } from "../../auth/token.ts";
import { formatTokenRow, mayBeLimited, parseTokenFile, type TokenRow } from "../../auth/token-file.ts";
import { StorageError } from "../../base/errors.ts";
import { parseDuration } from "../../config/values.ts";
import { changeSecretFile, readSecretFile } from "../../platform/secret-files.ts";
import { systemSecrets } from "../../platform/secrets.ts";
import { describeCommand, printJson } from "../command.ts";
import type { CommandContext } from "../context.ts";

interface FileOptions {
  readonly file?: string;
}

interface CreateOptions extends FileOptions {
  readonly name: string;
  readonly scopes: string;
  readonly tenants?: string;
  readonly expires?: string;
}

interface ListOptions extends FileOptions {
  readonly json?: true;
}

export function tokenCommand(context: CommandContext): Command {
  return new Command("token")
    .description("Make, list and revoke the tokens that a node takes.")
    .addCommand(createCommand(context))
    .addCommand(listCommand(context))
    .addCommand(revokeCommand(context));
}

function withFile(command: Command): Command {
  return command.option("--file <file>", "the node's token file (default: PAIRDB_AUTH_TOKEN_FILE)");
}

function createCommand(context: CommandContext): Command {
  const examples = [
    "token create --file tokens --name shop --scopes read,write --tenants shop > shop.token",
    "token create --file tokens --name coordinator --scopes read,write,cluster --expires 8760h",
  ];
  return withFile(describeCommand("create", "Make a token, and print it this once.", examples))
    .requiredOption("--name <name>", "for people: who holds it")
    .requiredOption("--scopes <list>", `what its holder may do: ${allScopes.join(", ")}`)
    .option("--tenants <list>", "the tenants whose records its holder may touch (default: all)")
    .option("--expires <duration>", "how long it is good, such as 720h (default: for ever)")
    .action((options: CreateOptions) => create(context, options));
}

function listCommand(context: CommandContext): Command {
  return withFile(describeCommand("list", "Print what is known of each token.", ["token list --file tokens"]))
    .option("--json", "print JSON, one line for each")
    .action((options: ListOptions) => list(context, options));
}

function revokeCommand(context: CommandContext): Command {
  const examples = ["token revoke --file tokens 0123456789abcdef"];
  return withFile(describeCommand("revoke", "Take a token out of the file.", examples))
    .argument("<id>", "16 hexadecimal digits, as list prints them")
    .action((id: string, options: FileOptions) => revoke(context, id, options));
}

function fileOf(context: CommandContext, options: FileOptions): string {
  const file = options.file ?? context.environment.variables["PAIRDB_AUTH_TOKEN_FILE"];
  if (file) return file;
  throw new StorageError("INVALID_ARGUMENT", "which token file? --file or PAIRDB_AUTH_TOKEN_FILE names it");
}

async function create(context: CommandContext, options: CreateOptions): Promise<void> {
  const token = createToken(systemSecrets);
  const salt = systemSecrets.randomBytes(saltBytes);
  const row: TokenRow = {
    id: token.id,
    name: options.name,
    salt,
    hash: hashToken(systemSecrets, salt, token.secret),
    scopes: scopesOf(options),
    tenants: options.tenants === undefined ? undefined : items(options.tenants),
    expiresAtMs: expiryOf(context, options),
  };
  const file = fileOf(context, options);
  changeSecretFile(file, (text) => {
    const changed = `${withLineEnd(text ?? "")}${formatTokenRow(row)}\n`;
    // What the node would refuse is not written.
    parseTokenFile(changed, file);
    return changed;
  });
  await context.print(`${formatToken(token)}\n`);
  context.note(`token ${row.id} of ${options.name} is in ${file}; the token itself is kept nowhere else`);
}

function scopesOf({ scopes, tenants }: CreateOptions): Scope[] {
  const names = items(scopes);
  const unknown = names.find((name) => !allScopes.includes(name as Scope));
  if (unknown !== undefined || names.length === 0) {
    throw new StorageError(
      "INVALID_ARGUMENT",
      `--scopes is "${scopes}"; allowed is a list of ${allScopes.join(", ")}`,
    );
  }
  if (tenants !== undefined && !mayBeLimited(names as Scope[])) {
    const message = "a token that is limited to tenants may have the scopes read and write alone";
    throw new StorageError("INVALID_ARGUMENT", message);
  }
  return names as Scope[];
}

function expiryOf(context: CommandContext, { expires }: CreateOptions): number | undefined {
  if (expires === undefined) return undefined;
  const durationMs = parseDuration(expires);
  if (durationMs !== undefined && durationMs > 0) return context.environment.clock.nowMs() + durationMs;
  throw new StorageError("INVALID_ARGUMENT", `--expires is "${expires}"; allowed is a duration such as 720h`);
}

async function list(context: CommandContext, options: ListOptions): Promise<void> {
  const file = fileOf(context, options);
  for (const row of parseTokenFile(readSecretFile(file), file)) {
    const expires = row.expiresAtMs === undefined ? undefined : new Date(row.expiresAtMs).toISOString();
    if (options.json) {
      const { id, name, scopes, tenants } = row;
      await printJson(context, { id, name, scopes, tenants, expires });
      continue;
    }
    const tenants = row.tenants === undefined ? "all tenants" : `tenants ${row.tenants.join(",")}`;
    const cells = [row.id, row.name, row.scopes.join(","), tenants, expires ?? "does not expire"];
    await context.print(`${cells.join("\t")}\n`);
  }
}

async function revoke(context: CommandContext, id: string, options: FileOptions): Promise<void> {
  const file = fileOf(context, options);
  changeSecretFile(file, (text) => {
    const lines = (text ?? "").split("\n");
    // Line by line, so that everything else in the file stays as it is.
    const kept = lines.filter((line) => parseTokenFile(line, file).every((row) => row.id !== id));
    if (kept.length < lines.length) return kept.join("\n");
    throw new StorageError("INVALID_ARGUMENT", `${file} has no token ${id}; token list prints those it has`);
  });
  context.note(`token ${id} is out of ${file}`);
}

function items(list: string): string[] {
  return list
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function withLineEnd(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
