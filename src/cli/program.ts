/**
 * The command line: one program, one command per file.
 *
 * Whatever goes wrong is one line on standard error and an exit code; with `--log-level debug` the stack follows.
 */
import { Command, CommanderError } from "commander";
import { messageOf, StorageError } from "../base/errors.ts";
import { version } from "../base/version.ts";
import { isBrokenPipe } from "../platform/streams.ts";
import { backupCommand } from "./commands/backup.ts";
import { benchCommand } from "./commands/bench.ts";
import { checkpointCommand } from "./commands/checkpoint.ts";
import { compactCommand } from "./commands/compact.ts";
import { compareCommand } from "./commands/compare.ts";
import { deleteCommand } from "./commands/delete.ts";
import { deleteTenantCommand } from "./commands/delete-tenant.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { drainCommand } from "./commands/drain.ts";
import { exportCommand } from "./commands/export.ts";
import { flushCommand } from "./commands/flush.ts";
import { getCommand } from "./commands/get.ts";
import { healthcheckCommand } from "./commands/healthcheck.ts";
import { importCommand } from "./commands/import.ts";
import { inspectCommand } from "./commands/inspect.ts";
import { membersCommand } from "./commands/members.ts";
import { prestopCommand } from "./commands/prestop.ts";
import { putCommand } from "./commands/put.ts";
import { repairCommand } from "./commands/repair.ts";
import { scanCommand } from "./commands/scan.ts";
import { serveCommand } from "./commands/serve.ts";
import { statusCommand } from "./commands/status.ts";
import { streamsCommand } from "./commands/streams.ts";
import { tenantsCommand } from "./commands/tenants.ts";
import { tokenCommand } from "./commands/token.ts";
import { topCommand } from "./commands/top.ts";
import { undrainCommand } from "./commands/undrain.ts";
import { verifyCommand } from "./commands/verify.ts";
import { versionCommand } from "./commands/version.ts";
import { CommandContext, type CommandEnvironment } from "./context.ts";
import { type ExitCode, exitCodeOf, exitCodes, exitCodesHelp } from "./exit-codes.ts";

/** Runs one command line (without the program's name) and resolves with the exit code; never rejects. */
export async function runCommandLine(
  args: readonly string[],
  environment: CommandEnvironment,
): Promise<ExitCode> {
  const context = new CommandContext(environment);
  try {
    await createProgram(context).parseAsync(args, { from: "user" });
    await environment.streams.output.close();
    return context.exitCode;
  } catch (error) {
    return reportFailure(error, context, wantsDebug(args));
  }
}

function createProgram(context: CommandContext): Command {
  const program = new Command("pairdb-node")
    .description("PairDB's storage node: a durable key-value store, served over gRPC, gRPC-web and Connect.")
    .version(version, "--version", "print the version")
    .addHelpText(
      "after",
      `\nExamples:\n  pairdb-node serve\n  pairdb-node put greeting hello\n${exitCodesHelp}`,
    );
  const commands = [
    serveCommand,
    getCommand,
    putCommand,
    deleteCommand,
    scanCommand,
    importCommand,
    exportCommand,
    benchCommand,
    statusCommand,
    topCommand,
    streamsCommand,
    tenantsCommand,
    flushCommand,
    compactCommand,
    checkpointCommand,
    backupCommand,
    deleteTenantCommand,
    drainCommand,
    undrainCommand,
    verifyCommand,
    doctorCommand,
    inspectCommand,
    compareCommand,
    membersCommand,
    repairCommand,
    tokenCommand,
    prestopCommand,
    healthcheckCommand,
    versionCommand,
  ];
  for (const command of commands) program.addCommand(command(context));
  for (const command of [program, ...program.commands, ...program.commands.flatMap((c) => c.commands)]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => void context.print(text),
      writeErr: (text) => context.environment.streams.error(text),
      outputError: (text) => context.note(usageLine(text)),
    });
  }
  return program;
}

/** One line for people, the stack only where it was asked for. */
function reportFailure(error: unknown, context: CommandContext, withStack: boolean): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.success : exitCodes.usage;
  // Whoever reads the output has seen enough.
  if (isBrokenPipe(error)) return exitCodes.success;
  context.note(`pairdb-node: ${oneLine(messageOf(error))}`);
  if (withStack) for (const line of stackLines(error)) context.note(line);
  return error instanceof StorageError ? exitCodeOf(error.code) : exitCodes.failure;
}

/** The parser's complaint in our one-line form. */
function usageLine(text: string): string {
  return `${text
    .trim()
    .replace(/^error: /, "pairdb-node: ")
    .replace(/\s*\n\s*/g, " ")}; --help shows how`;
}

function oneLine(message: string): string {
  return message.replace(/\s*\n\s*/g, "; ");
}

function stackLines(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const cause = error.cause === undefined ? [] : ["caused by:", ...stackLines(error.cause)];
  return [...(error.stack ?? "").split("\n"), ...cause];
}

/** Looked up here because the command line may be what is wrong. */
function wantsDebug(args: readonly string[]): boolean {
  return args.includes("--log-level=debug") || args[args.indexOf("--log-level") + 1] === "debug";
}
