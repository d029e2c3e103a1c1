/**
 * A data directory: what its files are called, and whether a directory is one.
 *
 *     data/LOCK                held by the one process that uses it
 *     data/CURRENT             the manifest in force: "MANIFEST-000005\n"
 *     data/MANIFEST-000005     version edits
 *     data/commitlog/000007.log, data/sstables/000012.sst     (both directories can be elsewhere)
 *     data/commitlog/STORE     the store that the log belongs to
 *     copy.unfinished-checkpoint/                              a checkpoint, until it is whole
 *     data/RESTORING           a backup is being restored here
 *     data/STREAMS             streams to other nodes; the engine knows nothing of it
 *     data/lost/               files set aside: nothing names them, or they were found damaged
 *
 * Numbers come from one counter and have at least six digits.
 *
 * Invariants:
 * 1. A directory without CURRENT holds no data: creation ends with putting it there. So what an interrupted
 *    creation left may be overwritten, and nothing else.
 * 2. A directory that is refused is not changed.
 */
import { basename, dirname } from "node:path";
import { errnoOf, messageOf, StorageError } from "../base/errors.ts";
import type { DirectoryLock, FileSystem } from "../platform/file-system.ts";
import type { FileNumber } from "./internal-key.ts";
import { markerNames } from "./log-marker.ts";
import type { EngineOptions } from "./options.ts";

export type DataDirectories = Pick<EngineOptions, "dataDirectory" | "commitLogDirectory" | "tableDirectory">;

/** The directories of `EngineOptions` when only the data directory is told. */
export function defaultDirectories(dataDirectory: string): DataDirectories {
  return {
    dataDirectory,
    commitLogDirectory: `${dataDirectory}/commitlog`,
    tableDirectory: `${dataDirectory}/sstables`,
  };
}

export function lockPath({ dataDirectory }: DataDirectories): string {
  return `${dataDirectory}/LOCK`;
}

export function currentPath({ dataDirectory }: DataDirectories): string {
  return `${dataDirectory}/CURRENT`;
}

/** Where the next CURRENT is written before it takes the name. */
export function stagedCurrentPath({ dataDirectory }: DataDirectories): string {
  return `${dataDirectory}/CURRENT.tmp`;
}

export function manifestName(number: FileNumber): string {
  return `MANIFEST-${sixDigits(number)}`;
}

export function manifestPath({ dataDirectory }: DataDirectories, number: FileNumber): string {
  return `${dataDirectory}/${manifestName(number)}`;
}

export function segmentPath(
  { commitLogDirectory }: Pick<DataDirectories, "commitLogDirectory">,
  number: FileNumber,
): string {
  return `${commitLogDirectory}/${sixDigits(number)}.log`;
}

export function tablePath({ tableDirectory }: DataDirectories, number: FileNumber): string {
  return `${tableDirectory}/${sixDigits(number)}.sst`;
}

export function lostDirectory({ dataDirectory }: DataDirectories): string {
  return `${dataDirectory}/lost`;
}

/** Says which backup is being restored. It goes last: a directory that has it is never taken for a store. */
export function restoringPath({ dataDirectory }: Pick<DataDirectories, "dataDirectory">): string {
  return `${dataDirectory}/RESTORING`;
}

function sixDigits(number: FileNumber): string {
  return String(number).padStart(6, "0");
}

export type NumberedFileKind = "manifest" | "segment" | "table";

export interface NumberedFile {
  readonly kind: NumberedFileKind;
  readonly number: FileNumber;
}

const numberedNames: readonly (readonly [NumberedFileKind, RegExp])[] = [
  ["manifest", /^MANIFEST-(\d{6,})$/],
  ["segment", /^(\d{6,})\.log$/],
  ["table", /^(\d{6,})\.sst$/],
];

/** What a file's name says; `undefined` where the engine would not write such a name. */
export function parseFileName(name: string): NumberedFile | undefined {
  for (const [kind, pattern] of numberedNames) {
    const digits = pattern.exec(name)?.[1];
    if (digits === undefined) continue;
    const number = Number(digits);
    return Number.isSafeInteger(number) && sixDigits(number) === digits ? { kind, number } : undefined;
  }
  return undefined;
}

export interface FoundFile extends NumberedFile {
  readonly path: string;
}

/** The numbered files that are there, each where its kind belongs; directories that are missing have none. */
export function listNumberedFiles(files: FileSystem, directories: DataDirectories): FoundFile[] {
  const { dataDirectory, commitLogDirectory, tableDirectory } = directories;
  const places = [
    ["manifest", dataDirectory],
    ["segment", commitLogDirectory],
    ["table", tableDirectory],
  ] as const;
  return places.flatMap(([kind, directory]) =>
    listOrEmpty(files, directory).flatMap((name) => {
      const parsed = parseFileName(name);
      return parsed?.kind === kind ? [{ ...parsed, path: `${directory}/${name}` }] : [];
    }),
  );
}

/** What is said wherever a data directory is found damaged. */
export function repairAdvice({ dataDirectory }: DataDirectories): string {
  return `restore it from a backup, or run "pairdb-node repair ${dataDirectory}" to keep what can be read`;
}

export interface OpenedDirectory {
  readonly lock: DirectoryLock;
  /** Nothing is stored here yet: create the store. */
  readonly isNew: boolean;
}

/**
 * Takes the lock of a data directory that is ours, or of a new one, which is created where it is missing. Refuses
 * any other, and says what is wrong and what to do.
 */
export async function openDataDirectory(
  files: FileSystem,
  directories: DataDirectories,
): Promise<OpenedDirectory> {
  recognise(files, directories);
  await makeDurableDirectory(files, directories.dataDirectory);
  const lock = takeLock(files, directories);
  try {
    // Again, now that nobody else can change it.
    return { lock, isNew: recognise(files, directories) === "new" };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Takes the lock, or says who is in the way. */
export function takeLock(files: FileSystem, directories: DataDirectories): DirectoryLock {
  const lock = explainDenied(directories.dataDirectory, () => files.lock(lockPath(directories)));
  if (lock !== undefined) return lock;
  const holder = files.lockHolder(lockPath(directories));
  throw new StorageError(
    "UNAVAILABLE",
    `${directories.dataDirectory} is in use by another process${holder === undefined ? "" : ` (id ${holder})`}: ` +
      "stop it, or name another directory",
    { file: lockPath(directories) },
  );
}

/**
 * A checkpoint is built in a directory with this at the end of its name, and loses it when it is whole. What an
 * interrupted one left is told by its name, and never taken for a store.
 */
export const unfinishedSuffix = ".unfinished-checkpoint";

/** Looks only: `new` when nothing is stored here, `existing` when it is a store; throws for anything else. */
export function recognise(files: FileSystem, directories: DataDirectories): "new" | "existing" {
  const { dataDirectory, commitLogDirectory, tableDirectory } = directories;
  if (dataDirectory.endsWith(unfinishedSuffix)) throw unfinished(dataDirectory);
  const names = listOrEmpty(files, dataDirectory);
  if (names.includes(basename(restoringPath(directories)))) throw restoring(dataDirectory);
  if (names.includes(basename(currentPath(directories)))) return "existing";
  const inner = [commitLogDirectory, tableDirectory, lostDirectory(directories)];
  for (const name of names) {
    if (!isCreationLeftover(name) && !inner.includes(`${dataDirectory}/${name}`)) {
      throw refusal(directories, dataDirectory, name);
    }
  }
  for (const directory of inner) {
    for (const name of listOrEmpty(files, directory)) {
      if (!isCreationLeftover(name)) throw refusal(directories, directory, name);
    }
  }
  return "new";
}

const writeTestName = "write-test.tmp";

/** The first manifest is the only one that an interrupted creation leaves. */
const creationLeftovers = [
  "LOCK",
  "CURRENT.tmp",
  manifestName(1),
  writeTestName,
  "lost+found",
  ...markerNames,
];

function isCreationLeftover(name: string): boolean {
  return creationLeftovers.includes(name);
}

function unfinished(directory: string): StorageError {
  return new StorageError(
    "INVALID_ARGUMENT",
    `${directory} is what a checkpoint that was interrupted has left, and not whole: remove it. Nothing was changed.`,
    { file: directory },
  );
}

function restoring(directory: string): StorageError {
  return new StorageError(
    "INVALID_ARGUMENT",
    `the restore of a backup into ${directory} was interrupted, or goes on: run "pairdb-node backup restore" to the ` +
      "same directory again, or remove the directory. Nothing was changed.",
    { file: directory },
  );
}

/** Names the file that keeps a directory without CURRENT from counting as new. */
function refusal(directories: DataDirectories, directory: string, name: string): StorageError {
  if (parseFileName(name) !== undefined) {
    return new StorageError(
      "CORRUPTED_DATA",
      `${directories.dataDirectory} has no file CURRENT, but there is ${directory}/${name}: ` +
        `${repairAdvice(directories)}. Nothing was changed.`,
      { file: currentPath(directories) },
    );
  }
  return new StorageError(
    "INVALID_ARGUMENT",
    `${directory} is not a PairDB data directory, and not empty (there is "${name}"): ` +
      "name an empty or a new directory. Nothing was changed.",
    { file: `${directory}/${name}` },
  );
}

/** Makes sure that the three directories are there and take files. */
export async function prepareDirectories(files: FileSystem, directories: DataDirectories): Promise<void> {
  const { dataDirectory, commitLogDirectory, tableDirectory } = directories;
  for (const directory of [dataDirectory, commitLogDirectory, tableDirectory]) {
    await makeDurableDirectory(files, directory);
    const path = `${directory}/${writeTestName}`;
    if (files.status(path) === undefined) explainDenied(directory, () => files.open(path, "create").close());
    await files.remove(path);
  }
}

/** Creates the directory where it is missing, parents included, each one durably; what exists is taken for durable. */
export async function makeDurableDirectory(files: FileSystem, path: string): Promise<void> {
  const status = files.status(path);
  if (status?.isDirectory === true) return;
  if (status !== undefined) throw notADirectory(path);
  const parent = dirname(path);
  if (parent !== path) await makeDurableDirectory(files, parent);
  explainDenied(parent, () => files.makeDirectory(path));
  try {
    await files.syncDirectory(parent);
  } catch (error) {
    // Or the next attempt would take it for durable.
    await files.removeDirectory(path).catch(() => {});
    throw error;
  }
}

/** Names in the directory; none where it is missing. */
export function listOrEmpty(files: FileSystem, directory: string): string[] {
  const status = files.status(directory);
  if (status === undefined) return [];
  if (!status.isDirectory) throw notADirectory(directory);
  return explainDenied(directory, () => files.list(directory));
}

/** The path, or, where something is there already, one with a number behind it. */
export function freePath(files: FileSystem, path: string): string {
  let free = path;
  for (let copy = 2; files.status(free) !== undefined; copy++) free = `${path}.${copy}`;
  return free;
}

function notADirectory(path: string): StorageError {
  return new StorageError("INVALID_ARGUMENT", `${path} is not a directory: name another one`, { file: path });
}

/** Says what the system's refusal means to whoever started the node. */
function explainDenied<T>(directory: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!["EACCES", "EPERM", "EROFS"].includes(errnoOf(error) ?? "")) throw error;
    throw new StorageError(
      "INVALID_ARGUMENT",
      `${directory} cannot be used (${messageOf(error)}): give this user the right to read and write it`,
      { file: directory, cause: error },
    );
  }
}
