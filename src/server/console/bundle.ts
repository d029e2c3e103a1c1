/**
 * What a browser needs of the console, as text. Called as a macro: in the executable the text stands where the call
 * was, and a node that runs from source makes it when the page is first asked for.
 */
import { join } from "node:path";
import { StorageError } from "../../base/errors.ts";

const folder = join(import.meta.dir, "../../console");

/** One file of the console with all that it imports; throws INTERNAL with what the bundler says. */
export function bundle(entry: string): string {
  // A bundler cannot be called inside of itself, so it is a process.
  const command = [process.execPath, "build", join(folder, entry), "--minify", "--target=browser"];
  const { success, stdout, stderr } = Bun.spawnSync(command, {
    env: { ...process.env, NODE_ENV: "production" },
  });
  if (success) return stdout.toString();
  throw new StorageError("INTERNAL", `the console cannot be bundled: ${stderr}`, { file: entry });
}
