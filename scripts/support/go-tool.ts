/** Programs that Go builds, at fixed versions, into a folder that is kept. */
import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { root } from "./process.ts";

const binFolder = join(root, "node_modules", ".cache", "go-bin");

/** Builds `path` of a module, like `github.com/a/b/cmd/c@v1.2.3`, unless it is there, and gives the program's path. */
export async function goTool(packageAtVersion: string): Promise<string> {
  const [path = "", version = ""] = packageAtVersion.split("@");
  const folder = join(binFolder, `${basename(path)}-${version}`);
  const program = join(folder, basename(path));
  if (await Bun.file(program).exists()) return program;
  mkdirSync(folder, { recursive: true });
  await go(["install", packageAtVersion], { GOBIN: folder });
  return program;
}

/** The folder of a module's source, like `github.com/a/b@v1.2.3`, downloaded when it is not there. */
export async function goModuleFolder(moduleAtVersion: string): Promise<string> {
  return JSON.parse(await go(["mod", "download", "-json", moduleAtVersion])).Dir;
}

/** Runs Go outside of any module of its own, and resolves to what it prints. */
async function go(args: readonly string[], environment: Record<string, string> = {}): Promise<string> {
  const child = Bun.spawn(["go", ...args], {
    cwd: binFolder,
    env: { ...process.env, GOFLAGS: "-mod=mod", ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const printed = await child.stdout.text();
  if ((await child.exited) !== 0) throw new Error(`go ${args.join(" ")} failed`);
  return printed;
}
