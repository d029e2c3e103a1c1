/**
 * What a backup consists of, as it is stored under `backups/ID`: one line of JSON, and one with the SHA-256 of the
 * first (without its line end) in hexadecimal digits.
 *
 * It is written last, and whole or not at all: a backup that was cut off has none, and is none.
 */
import { z } from "zod";
import { messageOf, StorageError } from "../base/errors.ts";
import { joined } from "./chunks.ts";
import { type BackupTarget, backupPrefix, sourceOf } from "./target.ts";

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const wholeNumber = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const backedUpFile = z.object({
  /** Below the data directory. */
  path: z.string().regex(/^(CURRENT|MANIFEST-\d{6,}|sstables\/\d{6,}\.sst)$/),
  size_bytes: wholeNumber,
  /** Of its contents; names the object that holds them. */
  sha256: hash,
  /** Of a table: the same for the same table of the same store only. */
  identity: z.string().optional(),
});

const backupManifest = z.object({
  format: z.literal("pairdb-backup"),
  version: z.literal(1),
  id: z.string().regex(/^[0-9A-Za-z-]{1,64}$/),
  created_at_unix_ms: wholeNumber,
  /** The store that was backed up. */
  store_id: z.string(),
  /** It holds the writes up to this one, and no later one. */
  sequence: wholeNumber,
  files: z.array(backedUpFile),
});

export type BackedUpFile = z.infer<typeof backedUpFile>;
export type BackupManifest = z.infer<typeof backupManifest>;

export function backupSizeBytes({ files }: BackupManifest): number {
  return files.reduce((sum, file) => sum + file.size_bytes, 0);
}

/** `20261124T201500Z-0a1b2c3d`: ids sort by the time of their backups. */
export function newBackupId(nowMs: number, random: number): string {
  const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, "");
  return `${time}-${random.toString(16).padStart(8, "0")}`;
}

/** With it the backup exists; durable on return. */
export async function writeBackupManifest(target: BackupTarget, manifest: BackupManifest): Promise<void> {
  const line = JSON.stringify(manifest);
  const text = `${line}\n${new Bun.SHA256().update(line).digest("hex")}\n`;
  await target.put(backupPrefix + manifest.id, sourceOf(new TextEncoder().encode(text)));
}

/** Throws CORRUPTED_DATA where it is not there, or damaged. */
export async function readBackupManifest(target: BackupTarget, id: string): Promise<BackupManifest> {
  const bytes = await joined(target.get(backupPrefix + id));
  const [line = "", checksum, ...rest] = new TextDecoder().decode(bytes).split("\n");
  if (checksum !== new Bun.SHA256().update(line).digest("hex") || rest.join() !== "") {
    throw damaged(target, id, "its checksum does not match");
  }
  const { success, data, error } = backupManifest.safeParse(JSON.parse(line));
  if (!success)
    throw damaged(target, id, `it is not of a format that this version reads (${messageOf(error)})`);
  if (data.id !== id) throw damaged(target, id, `it is that of backup ${data.id}`);
  return data;
}

function damaged(target: BackupTarget, id: string, problem: string): StorageError {
  const name = backupPrefix + id;
  return new StorageError("CORRUPTED_DATA", `${target.name}/${name} cannot be used: ${problem}`, {
    file: name,
  });
}
