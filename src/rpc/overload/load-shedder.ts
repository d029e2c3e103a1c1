/**
 * Refuses a share of the calls while the event loop lags, the cheapest to lose first.
 *
 * Pressure is a number from 0 to the count of sheddable classes. It rises with each sample that comes too late after
 * two that did too (one is a pause, and over), by how much too late it is, and falls with each that is in time. The first class of the order is
 * shed with the first unit of pressure, from none to nearly all of its calls, the second with the next unit, and so on.
 * A sixteenth always passes, so that what is left of the load shows whether the node can take more again.
 *
 * Which calls of a class are refused does not depend on chance: of a share of 0.25 it is every fourth.
 */
import type { WorkClass } from "./work-class.ts";

export type SheddableClass = Exclude<WorkClass, "control">;

const mostShare = 15 / 16;
const risePerSample = 0.25;
/** Samples in a row that have to be late, that one included with which pressure rises. */
const lateSamples = 3;
/** Of a sample that is very late. */
const mostRise = 1;
const fallPerSample = 0.1;

export class LoadShedder {
  readonly #order: readonly SheddableClass[];
  readonly #maxLagMs: number;
  /** What was left of the share at the last call, by place in the order. */
  readonly #remainders: number[];
  #pressure = 0;
  #lateCount = 0;

  /** `order` begins with the class that is shed first. With `maxLagMs` 0 nothing is shed. */
  constructor(order: readonly SheddableClass[], maxLagMs: number) {
    this.#order = order;
    this.#maxLagMs = maxLagMs;
    this.#remainders = order.map(() => 0);
  }

  /** From 0, no class is shed, to the count of classes in the order: nearly everything is. */
  get pressure(): number {
    return this.#pressure;
  }

  /** By how much a timer came late. */
  sample(lagMs: number): void {
    if (this.#maxLagMs === 0) return;
    if (lagMs <= this.#maxLagMs) {
      this.#lateCount = 0;
      this.#pressure = Math.max(0, this.#pressure - fallPerSample);
      return;
    }
    if (++this.#lateCount < lateSamples) return;
    const rise = Math.min(mostRise, (risePerSample * lagMs) / this.#maxLagMs);
    this.#pressure = Math.min(this.#order.length, this.#pressure + rise);
  }

  /** Whether the next call of this class is to be refused. */
  refuses(workClass: WorkClass): boolean {
    if (this.#pressure === 0) return false;
    const place = this.#order.indexOf(workClass as SheddableClass);
    if (place < 0) return false;
    const share = Math.min(mostShare, Math.max(0, this.#pressure - place));
    const sum = this.#remainders[place]! + share;
    this.#remainders[place] = sum % 1;
    return sum >= 1;
  }
}
