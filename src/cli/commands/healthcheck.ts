/**
 * `healthcheck`: asks the node of this machine how it is, for those who can run a program and not send a request: a
 * container's HEALTHCHECK, a script. Its only exit codes are 0, 1, and 2 for a wrong command line.
 */
import type { Command } from "commander";
import { messageOf, StorageError } from "../../base/errors.ts";
import { describeCommand } from "../command.ts";
import { type ConfigurationOptions, configurationOf } from "../configuration.ts";
import type { CommandContext } from "../context.ts";

interface HealthcheckOptions extends Pick<ConfigurationOptions, "config" | "httpPort"> {
  readonly live?: true;
}

const timeoutMs = 5000;

export function healthcheckCommand(context: CommandContext): Command {
  return describeCommand("healthcheck", "Tell by the exit code whether the node of this machine is ready.", [
    "healthcheck",
    "healthcheck --live --config /etc/pairdb/config.yaml",
  ])
    .option("--live", "ask only whether it works at all, which it does during a recovery too")
    .option("--config <file>", "the node's YAML file; CONFIG_PATH names one too")
    .option("--http-port <port>", "its HTTP port (default 9091)")
    .action((options: HealthcheckOptions) => healthcheck(context, options));
}

async function healthcheck(context: CommandContext, options: HealthcheckOptions): Promise<void> {
  const { live, ...further } = options;
  const { http, tls } = configurationOf(context, further).configuration;
  const scheme = tls.cert_file === undefined ? "http" : "https";
  const url = `${scheme}://${reachable(http.host)}:${http.port}${live ? "/health/live" : "/health/ready"}`;
  const { status, text } = await ask(url);
  if (status !== 200) throw new StorageError("INTERNAL", `${url} answered ${status}: ${text.trim()}`);
  await context.print(`${text.trim()}\n`);
}

async function ask(url: string): Promise<{ status: number; text: string }> {
  try {
    // The certificate is for the names that others use, and nothing secret is sent or told.
    const tls = { rejectUnauthorized: false };
    const response = await fetch(url, { tls, signal: AbortSignal.timeout(timeoutMs) });
    return { status: response.status, text: await response.text() };
  } catch (cause) {
    throw new StorageError("INTERNAL", `${url} does not answer: ${messageOf(cause)}`, { cause });
  }
}

/** Where this machine reaches what listens on `host`. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
