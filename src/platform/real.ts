/** The machine's file system: `node:fs` for files and directories, `Bun.mmap` for maps, `flock` for the lock. */
import * as fs from "node:fs";
import { errnoOf } from "../base/errors.ts";
import type {
  DirectoryLock,
  File,
  FileStatus,
  FileSystem,
  FileSystemUsage,
  MappedFile,
  OpenMode,
} from "./file-system.ts";
import { MappedBytes } from "./mapped-bytes.ts";
import { RealFile } from "./real-file.ts";
import { lockFile, readLockHolder } from "./real-lock.ts";
import { adviseRandomReads, isResident, majorFaultCount, prefetch } from "./real-residency.ts";
import { SystemError } from "./system-error.ts";

const flagsOfMode: Record<OpenMode, string> = { read: "r", create: "wx+", write: "r+" };

/** The most that the runtime can map; more fails with a misleading "Out of memory". */
const maxMapBytes = 2 ** 32;

/** Runs a callback function of `node:fs` off this thread. */
function offThread(run: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => run((error) => (error === null ? resolve() : reject(error))));
}

function openDirectory(path: string): Promise<number> {
  const flags = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY;
  return new Promise((resolve, reject) =>
    fs.open(path, flags, (error, descriptor) => (error === null ? resolve(descriptor) : reject(error))),
  );
}

class RealFileSystem implements FileSystem {
  open(path: string, mode: OpenMode): File {
    return new RealFile(path, fs.openSync(path, flagsOfMode[mode]));
  }

  map(path: string): MappedFile {
    const { size } = fs.statSync(path);
    if (size > maxMapBytes) throw new SystemError("EFBIG", "map", path, "a map holds at most 4 GiB");
    // The system refuses an empty mapping, and shares writes with the file unless told otherwise.
    const bytes = size === 0 ? new Uint8Array(0) : Bun.mmap(path, { shared: false });
    adviseRandomReads(bytes);
    return new MappedBytes(path, bytes, { isResident, prefetch });
  }

  status(path: string): FileStatus | undefined {
    try {
      const found = fs.statSync(path, { throwIfNoEntry: false });
      return found && { sizeBytes: found.size, isDirectory: found.isDirectory() };
    } catch (error) {
      // A file where a parent directory is expected: nothing is at this path.
      if (errnoOf(error) === "ENOTDIR") return undefined;
      throw error;
    }
  }

  list(directory: string): string[] {
    return fs.readdirSync(directory).sort();
  }

  makeDirectory(path: string): void {
    fs.mkdirSync(path, { recursive: true });
  }

  rename(from: string, to: string): void {
    fs.renameSync(from, to);
  }

  link(from: string, to: string): void {
    fs.linkSync(from, to);
  }

  async copy(from: string, to: string): Promise<void> {
    await offThread((done) => fs.copyFile(from, to, fs.constants.COPYFILE_EXCL, done));
    const file = this.open(to, "write");
    try {
      await file.sync();
    } finally {
      file.close();
    }
  }

  remove(path: string): Promise<void> {
    return offThread((done) => fs.unlink(path, done));
  }

  removeDirectory(path: string): Promise<void> {
    return offThread((done) => fs.rmdir(path, done));
  }

  async syncDirectory(path: string): Promise<void> {
    const descriptor = await openDirectory(path);
    try {
      await offThread((done) => fs.fsync(descriptor, done));
    } finally {
      fs.closeSync(descriptor);
    }
  }

  lock(path: string): DirectoryLock | undefined {
    return lockFile(path);
  }

  lockHolder(path: string): number | undefined {
    return readLockHolder(path);
  }

  usage(path: string): FileSystemUsage {
    const { bsize, blocks, bavail } = fs.statfsSync(path);
    return { totalBytes: bsize * blocks, availableBytes: bsize * bavail };
  }

  majorFaultCount(): number {
    return majorFaultCount();
  }
}

export const realFileSystem: FileSystem = new RealFileSystem();
