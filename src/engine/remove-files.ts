/** Removes files that nothing names any more. */
import { dirname } from "node:path";
import type { EngineEnvironment } from "./environment.ts";

/**
 * Removes files, durably. What cannot be removed is reported and left: it is a stray file for the next start, and no
 * reason to stop anything.
 */
export async function removeFiles(
  { files, observer }: Pick<EngineEnvironment, "files" | "observer">,
  paths: readonly string[],
): Promise<void> {
  const attempt = async (path: string, act: () => Promise<void>): Promise<boolean> => {
    try {
      await act();
      return true;
    } catch (error) {
      observer.fileRemovalFailed(path, error);
      return false;
    }
  };
  const changed = new Set<string>();
  for (const path of paths) if (await attempt(path, () => files.remove(path))) changed.add(dirname(path));
  for (const directory of changed) await attempt(directory, () => files.syncDirectory(directory));
}
