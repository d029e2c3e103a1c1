/**
 * Child processes of the scripts. They run before anything is installed, so nothing here imports a package.
 * Bun is called by its own path, since it need not be on PATH.
 */
import { delimiter, dirname, join } from "node:path";

export const root = join(import.meta.dir, "..", "..");

/** The Bun that runs this script. */
export const bun = process.execPath;

/** A tool that a devDependency brings. */
export function tool(name: string): string {
  return join(root, "node_modules", ".bin", name);
}

/** Runs a command in the project's root with its output shown; resolves to the exit code. */
export async function run(command: string[], environment: Record<string, string> = {}): Promise<number> {
  const path = [join(root, "node_modules", ".bin"), dirname(bun), process.env["PATH"] ?? ""].join(delimiter);
  const child = Bun.spawn(command, {
    cwd: root,
    env: { ...process.env, PATH: path, ...environment },
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  return await child.exited;
}

/** Installs exactly what the lock file names; returns at once where that is already so. */
export async function install(): Promise<boolean> {
  const output: string[] = [];
  const child = Bun.spawn([bun, "install", "--frozen-lockfile"], {
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  output.push(...(await Promise.all([child.stdout.text(), child.stderr.text()])));
  const succeeded = (await child.exited) === 0;
  if (!succeeded) console.error(output.join("").trimEnd());
  return succeeded;
}
