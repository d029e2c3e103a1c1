/**
 * Decides which commit-log segments may go: those whose entries are all in tables and that no holder needs.
 *
 * A holder's position is in the manifest before it counts, and a dropped holder has left the manifest before its
 * segments are removed, so that a crash never finds a holder without its segments.
 */
import { Holders } from "./commit-log/holders.ts";
import { listSegments } from "./commit-log/reader.ts";
import type { CommitLogWriter } from "./commit-log/writer.ts";
import { segmentPath } from "./data-directory.ts";
import type { EngineEnvironment } from "./environment.ts";
import type { FileNumber } from "./internal-key.ts";
import type { VersionEdit } from "./manifest/version-edit.ts";
import type { VersionSet } from "./manifest/version-set.ts";
import type { EngineOptions } from "./options.ts";

export class LogRetention {
  readonly #environment: EngineEnvironment;
  readonly #options: EngineOptions;
  readonly #versions: VersionSet;
  readonly #log: CommitLogWriter;
  /** As the manifest says, and ahead of it while a change is under way. */
  #holders: Holders;

  constructor(
    environment: EngineEnvironment,
    options: EngineOptions,
    versions: VersionSet,
    log: CommitLogWriter,
  ) {
    this.#environment = environment;
    this.#options = options;
    this.#versions = versions;
    this.#log = log;
    this.#holders = holdersOf(versions);
  }

  /** Keeps a segment and all later ones for `name`; durable on return. Rejects a step back. */
  async hold(name: string, segmentNumber: FileNumber): Promise<void> {
    this.#holders.hold(name, segmentNumber);
    await this.#apply({ holders: [{ name, segmentNumber }] });
  }

  /** Gives back what `name` held; durable on return. */
  async release(name: string): Promise<void> {
    if (this.#holders.release(name)) await this.#apply({ droppedHolders: [name] });
    await this.removeObsolete();
  }

  holderNames(): string[] {
    return this.#holders.positions().map(({ name }) => name);
  }

  /** Removes what nobody needs; drops the holders furthest behind where they keep back too much. */
  async removeObsolete(): Promise<void> {
    const flushedSegment = this.#versions.state.oldestSegmentNumber;
    const dropped = this.#holders.dropBeyond(
      this.#options.commitLog.maxRetainedBytes,
      flushedSegment,
      this.#segmentsBelow(flushedSegment),
    );
    if (dropped.length > 0) {
      await this.#apply({ droppedHolders: dropped.map(({ name }) => name) });
      for (const { name } of dropped) this.#environment.observer.holderDropped(name);
    }
    await this.#log.removeSegmentsBelow(this.#holders.removableBelow(flushedSegment));
  }

  /** An edit that the manifest had no room for has not happened. */
  async #apply(edit: VersionEdit): Promise<void> {
    try {
      await this.#versions.apply(edit);
    } catch (error) {
      this.#holders = holdersOf(this.#versions);
      throw error;
    }
  }

  #segmentsBelow(flushedSegment: FileNumber): { number: FileNumber; sizeBytes: number }[] {
    const { files } = this.#environment;
    return listSegments(files, this.#options.commitLogDirectory)
      .filter((number) => number < flushedSegment)
      .map((number) => ({
        number,
        sizeBytes: files.status(segmentPath(this.#options, number))?.sizeBytes ?? 0,
      }));
  }
}

function holdersOf({ state }: VersionSet): Holders {
  return new Holders([...state.holders].map(([name, segmentNumber]) => ({ name, segmentNumber })));
}
