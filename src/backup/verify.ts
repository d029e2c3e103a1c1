/** Reads all that backups consist of, and holds it to the checksums in their manifests. */
import { messageOf, StorageError } from "../base/errors.ts";
import type { BackedUpFile, BackupManifest } from "./backup-manifest.ts";
import { digestOf } from "./chunks.ts";
import { type BackupTarget, objectPrefix } from "./target.ts";

export interface Verification {
  /** What is wrong, each as a sentence. */
  readonly problems: readonly string[];
  readonly objectCount: number;
  readonly sizeBytes: number;
}

/** Goes on past what is wrong. Objects that several of the backups need are read once. */
export async function verifyBackups(
  target: BackupTarget,
  backups: readonly BackupManifest[],
  onProgress: (doneBytes: number, totalBytes: number) => void = () => undefined,
): Promise<Verification> {
  const files = new Map(backups.flatMap((backup) => backup.files).map((file) => [file.sha256, file]));
  const totalBytes = [...files.values()].reduce((sum, file) => sum + file.size_bytes, 0);
  const problems: string[] = [];
  let sizeBytes = 0;
  for (const file of files.values()) {
    const problem = await problemOf(target, file);
    if (problem !== undefined) problems.push(`${problem} (needed by ${neededBy(backups, file).join(", ")})`);
    sizeBytes += file.size_bytes;
    onProgress(sizeBytes, totalBytes);
  }
  return { problems, objectCount: files.size, sizeBytes };
}

async function problemOf(target: BackupTarget, file: BackedUpFile): Promise<string | undefined> {
  const name = objectPrefix + file.sha256;
  try {
    const { sha256, sizeBytes } = await digestOf(target.get(name));
    if (sha256 === file.sha256) return undefined;
    const sizes = sizeBytes === file.size_bytes ? "" : `, ${sizeBytes} bytes instead of ${file.size_bytes}`;
    return `${target.name}/${name} holds something else${sizes}`;
  } catch (error) {
    if (error instanceof StorageError && error.code === "CORRUPTED_DATA") return messageOf(error);
    throw error;
  }
}

function neededBy(backups: readonly BackupManifest[], { sha256 }: BackedUpFile): string[] {
  return backups.filter(({ files }) => files.some((file) => file.sha256 === sha256)).map(({ id }) => id);
}
