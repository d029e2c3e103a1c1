import { listSegments, readSegments, type SegmentsSource } from "../../../../src/engine/commit-log/reader.ts";
import {
  type Commit,
  CommitLogWriter,
  type CommitLogWriterHooks,
  type CommitLogWriterOptions,
} from "../../../../src/engine/commit-log/writer.ts";
import { entryKinds } from "../../../../src/engine/internal-key.ts";
import type { Damage, EngineObserver, TornTail } from "../../../../src/engine/observer.ts";
import type { FileSystem } from "../../../../src/platform/file-system.ts";
import { MemoryFileSystem } from "../../../../src/platform/memory.ts";
import { type MemoryEnvironment, memoryEnvironment } from "../../../support/memory-environment.ts";

export const directory = "/log";

export const options: CommitLogWriterOptions = {
  directory,
  segmentSizeBytes: 1 << 20,
  sync: "always",
  syncIntervalMs: 100,
  preallocateBytes: 16_384,
  groupSizeBytes: 4096,
  maxRetainedBytes: 1 << 30,
};

export interface LogEntry {
  readonly sequence: number;
  readonly kind: number;
  readonly key: string;
  readonly value: string;
}

/** A file system with the log's directory, durably. */
export async function logFiles(): Promise<MemoryFileSystem> {
  const files = new MemoryFileSystem();
  files.makeDirectory(directory);
  await files.syncDirectory("/");
  return files;
}

export interface LogSetup {
  readonly overrides?: Partial<CommitLogWriterOptions>;
  readonly hooks?: CommitLogWriterHooks;
  readonly observer?: Partial<EngineObserver>;
  readonly nextSequence?: number;
  readonly firstNumber?: number;
}

/** A writer whose turns the test ends, and what it is made of. */
export class Log<Files extends FileSystem> {
  readonly environment: MemoryEnvironment<Files>;
  readonly writer: CommitLogWriter;
  readonly #turn: (() => void)[];

  private constructor(environment: MemoryEnvironment<Files>, writer: CommitLogWriter, turn: (() => void)[]) {
    this.environment = environment;
    this.writer = writer;
    this.#turn = turn;
  }

  static async create<Files extends FileSystem>(files: Files, setup: LogSetup = {}): Promise<Log<Files>> {
    const environment = memoryEnvironment(files, 1, setup.observer);
    const turn: (() => void)[] = [];
    let number = setup.firstNumber ?? 1;
    const writer = await CommitLogWriter.create(
      environment,
      { ...options, ...setup.overrides },
      () => number++,
      setup.nextSequence ?? 1,
      { schedule: (callback) => turn.push(callback), ...setup.hooks },
    );
    return new Log(environment, writer, turn);
  }

  put(key: string, value = ""): Commit {
    return append(this.writer, key, value);
  }

  /** Runs what waits for the end of the turn. */
  endTurn(): void {
    for (const callback of this.#turn.splice(0)) callback();
  }

  /** Waits until an entry of this key and value fits. */
  async room(key: string, value = ""): Promise<void> {
    const entryBytes = key.length + value.length;
    for (let wait = this.writer.whenRoom(entryBytes); wait; wait = this.writer.whenRoom(entryBytes))
      await wait;
  }

  /** Waits for room, appends, and waits for the answer. */
  async commit(key: string, value = ""): Promise<void> {
    await this.room(key, value);
    const { durable } = this.put(key, value);
    this.endTurn();
    await durable;
  }

  /** Ends turns until nothing is under way any more. */
  async settle(): Promise<void> {
    for (let i = 0; i < 50; i++) {
      this.endTurn();
      await Promise.resolve();
    }
  }

  /** Lets the log prepare what it wants to have ahead: first space, then the next segment. */
  async prepare(): Promise<void> {
    for (let i = 0; i < 2; i++) {
      await this.writer.whenRoom(0);
      await this.settle();
    }
  }

  async close(): Promise<void> {
    const closed = this.writer.close();
    this.endTurn();
    await closed;
  }
}

export function append(writer: CommitLogWriter, key: string, value = ""): Commit {
  const keyBytes = Buffer.from(key);
  const valueBytes = Buffer.from(value);
  return writer.append(entryKinds.value, keyBytes, keyBytes.length, valueBytes, valueBytes.length);
}

export interface ReadBack {
  readonly entries: LogEntry[];
  readonly frames: { readonly offset: number; readonly entryCount: number }[];
  readonly tails: TornTail[];
  readonly damage: Damage[];
  readonly aside: [file: string, offset: number, lengthBytes: number][];
  readonly highestSequence: number;
}

export function readBack(files: FileSystem, source: Partial<SegmentsSource> = {}): ReadBack {
  const tails: TornTail[] = [];
  const damage: Damage[] = [];
  const aside: [string, number, number][] = [];
  const entries: LogEntry[] = [];
  const frames: { offset: number; entryCount: number }[] = [];
  const numbers = source.numbers ?? listSegments(files, directory);
  const reading = readSegments(
    { files, directory, numbers, fromSequence: 0, mode: "strict", nowMs: 5, ...source },
    {
      tornTail: (tail) => tails.push(tail),
      damage: (found) => damage.push(found),
      setAside: (file, offset, lengthBytes) => {
        aside.push([file, offset, lengthBytes]);
        return "/lost/copy";
      },
    },
  );
  for (const frame of reading) {
    frames.push({ offset: frame.offset, entryCount: frame.entryCount });
    while (frame.next()) {
      const { sequence, kind } = frame;
      const key = Buffer.from(frame.key.copy()).toString();
      entries.push({ sequence, kind, key, value: Buffer.from(frame.value.copy()).toString() });
    }
  }
  return { entries, frames, tails, damage, aside, highestSequence: reading.highestSequence };
}

export const keysOf = ({ entries }: ReadBack): string[] => entries.map(({ key }) => key);
