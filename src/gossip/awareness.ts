/**
 * How well this member itself is (Lifeguard's local health): 0 is well. Whoever hears no answers may be the one that is
 * slow, so a member that is unwell probes more slowly and accuses later.
 */
export class Awareness {
  readonly #maxMultiplier: number;
  #score = 0;

  constructor(maxMultiplier: number) {
    this.#maxMultiplier = maxMultiplier;
  }

  get score(): number {
    return this.#score;
  }

  apply(delta: number): void {
    this.#score = Math.max(0, Math.min(this.#maxMultiplier - 1, this.#score + delta));
  }

  scale(durationMs: number): number {
    return durationMs * (this.#score + 1);
  }
}
