/**
 * Marks in a target that keep a backup under way and a removal of old ones apart.
 *
 * A backup counts on objects that are there already, and old ones are removed with the objects that no other backup
 * needs. So a backup puts its mark before it looks which objects are there, and puts it and looks again before its
 * manifest; and whoever removes objects looks for marks before each one. A mark that was not renewed for six hours is
 * that of a backup which was cut off, and counts no more; the next backup of the same store takes its place.
 */
import type { Clock } from "../platform/clock.ts";
import { joined } from "./chunks.ts";
import { type BackupTarget, runningPrefix, sourceOf } from "./target.ts";

const renewalMs = 10 * 60_000;
const lifeMs = 6 * 3_600_000;

export class RunningMark {
  readonly #target: BackupTarget;
  readonly #clock: Clock;
  readonly #name: string;
  #renewedAtMs = 0;

  private constructor(target: BackupTarget, clock: Clock, storeId: string) {
    this.#target = target;
    this.#clock = clock;
    this.#name = runningPrefix + storeId;
  }

  static async put(target: BackupTarget, clock: Clock, storeId: string): Promise<RunningMark> {
    const mark = new RunningMark(target, clock, storeId);
    await mark.write();
    return mark;
  }

  async renew(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#renewedAtMs > renewalMs) await this.write();
  }

  remove(): Promise<void> {
    return this.#target.remove(this.#name);
  }

  /** Also where it is gone: a backup of a copy of the same store takes it along when it ends. */
  async write(): Promise<void> {
    this.#renewedAtMs = this.#clock.monotonicMs();
    const text = String(this.#clock.nowMs());
    await this.#target.put(this.#name, sourceOf(new TextEncoder().encode(text)));
  }
}

/** Stores whose backups are under way, as far as marks tell. */
export async function runningBackups(target: BackupTarget, clock: Clock): Promise<string[]> {
  const running: string[] = [];
  for (const { name } of await target.list(runningPrefix)) {
    const text = new TextDecoder().decode(await joined(target.get(name)).catch(() => new Uint8Array()));
    const ageMs = clock.nowMs() - Number(text);
    // One that cannot be read is being removed.
    if (text !== "" && ageMs < lifeMs) running.push(name.slice(runningPrefix.length));
  }
  return running;
}
