/**
 * Decides whether reads look first whether what they need is in memory.
 *
 * To look costs about as much as a read, so reads do it only where it pays. A read that touches bytes that are not in
 * memory makes the system count a fault of this thread; the count is looked at now and then. Where it has risen, and
 * at the start, reads look. Once many in a row have found all in memory, they stop looking.
 */
import type { FileSystem } from "../../platform/file-system.ts";

/** `adaptive`: as above. `always` looks at the count at every read, too. */
export type ResidencyChecks = "adaptive" | "always" | "never";

const readsPerSample = 64;
const residentReadsUntilRest = 4096;

export class FaultWatch {
  /** Faults of this thread when it was last looked at. */
  faultCount: number;
  readonly #files: FileSystem;
  readonly #checks: ResidencyChecks;
  readonly #readsPerSample: number;
  #readsUntilSample: number;
  #residentReads = 0;
  #isAlert: boolean;

  constructor(files: FileSystem, checks: ResidencyChecks) {
    this.#files = files;
    this.#checks = checks;
    this.#readsPerSample = checks === "always" ? 1 : readsPerSample;
    this.#readsUntilSample = this.#readsPerSample;
    this.#isAlert = checks !== "never";
    this.faultCount = files.majorFaultCount();
  }

  /** Nobody is to look, ever. */
  get isOff(): boolean {
    return this.#checks === "never";
  }

  /** Asked once for each read. */
  get isAlert(): boolean {
    if (--this.#readsUntilSample === 0) this.#sample();
    return this.#isAlert;
  }

  /** A read that looked found all that it needs in memory. */
  foundResident(): void {
    if (++this.#residentReads < residentReadsUntilRest || this.#checks === "always") return;
    this.#isAlert = false;
  }

  foundCold(): void {
    this.#residentReads = 0;
  }

  #sample(): void {
    this.#readsUntilSample = this.#readsPerSample;
    const count = this.#files.majorFaultCount();
    if (count === this.faultCount) return;
    this.faultCount = count;
    this.#residentReads = 0;
    this.#isAlert = this.#checks !== "never";
  }
}
