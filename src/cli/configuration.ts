/** What the flags, the environment and the file of a command say together about a node. */
import { type FlagValue, type LoadedConfiguration, loadConfiguration } from "../config/load.ts";
import { readText } from "../platform/streams.ts";
import type { CommandContext } from "./context.ts";

/** Flags that stand for keys of the configuration. */
const flagPaths = {
  dataDir: ["--data-dir", "storage.data_dir"],
  host: ["--host", "server.host"],
  grpcPort: ["--grpc-port", "server.port"],
  httpPort: ["--http-port", "http.port"],
  nodeId: ["--node-id", "server.node_id"],
  logLevel: ["--log-level", "logging.level"],
  logFormat: ["--log-format", "logging.format"],
} as const;

export type ConfigurationOptions = { readonly [Name in keyof typeof flagPaths]?: string } & {
  readonly config?: string;
};

/** Throws INVALID_ARGUMENT that names everything that is wrong. `further` are flags without a value of their own. */
export function configurationOf(
  context: CommandContext,
  options: ConfigurationOptions,
  further: Iterable<readonly [path: string, value: FlagValue]> = [],
): LoadedConfiguration {
  const flags = new Map<string, FlagValue>(further);
  for (const [name, [flag, path]] of Object.entries(flagPaths)) {
    const value = options[name as keyof typeof flagPaths];
    if (value !== undefined) flags.set(path, { flag, value });
  }
  const { variables, hostName, memoryLimitBytes } = context.environment;
  const file = options.config ?? (variables["CONFIG_PATH"] || undefined);
  return loadConfiguration({ file, readText, environment: variables, flags, hostName, memoryLimitBytes });
}
