/**
 * A high dynamic range histogram: counts of whole numbers to within a thousandth of their size, in fixed memory.
 *
 * Values below 2,048 have a count each. Above, each doubling of the size is cut into 1,024 equal steps, so that value v
 * with k bits beyond the eleventh counts at index k * 1,024 + (v >> k).
 */
const stepBits = 10;
const stepCount = 1 << stepBits;
export const largestValue = 2 ** 31 - 1;
const countCount = 22 * stepCount;
/** Of a share's product with a count. */
const roundingError = 1e-9;

/** One line of a percentile distribution. */
export interface PercentileRow {
  readonly value: number;
  /** 0 to 1: so much of all values is at most `value`. */
  readonly share: number;
  readonly count: number;
}

export class Histogram {
  readonly #counts = new Float64Array(countCount);
  #count = 0;
  #sum = 0;
  #squares = 0;
  #most = 0;

  get count(): number {
    return this.#count;
  }

  get largest(): number {
    return this.#most;
  }

  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  get standardDeviation(): number {
    return this.#count === 0 ? 0 : Math.sqrt(Math.max(0, this.#squares / this.#count - this.mean ** 2));
  }

  /** Counts a value: what is under 0 or over `largestValue` counts as that. */
  record(value: number): void {
    const counted = Math.min(Math.max(Math.round(value), 0), largestValue);
    const index = indexOf(counted);
    this.#counts[index] = this.#counts[index]! + 1;
    this.#count++;
    this.#sum += counted;
    this.#squares += counted * counted;
    if (counted > this.#most) this.#most = counted;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#count = this.#sum = this.#squares = this.#most = 0;
  }

  /** The least value that so much of all values is at most; 0 without any. */
  valueAt(share: number): number {
    const needed = Math.max(1, Math.ceil(share * this.#count - roundingError));
    let seen = 0;
    for (let index = 0; index < countCount; index++) {
      seen += this.#counts[index]!;
      if (seen >= needed) return Math.min(largestAt(index), this.#most);
    }
    return 0;
  }

  /** Rows ever closer to the end: five to each halving of what is left, until no value is. */
  *distribution(rowsPerHalving = 5): Generator<PercentileRow, void, void> {
    let seen = 0;
    let share = 0;
    for (let index = 0; index < countCount && this.#count > 0; index++) {
      if (this.#counts[index] === 0) continue;
      seen += this.#counts[index]!;
      const value = Math.min(largestAt(index), this.#most);
      for (
        ;
        seen >= share * this.#count - roundingError && share < 1;
        share = nextShare(share, rowsPerHalving)
      ) {
        yield { value, share, count: seen };
        // Nothing is left: rows that only come closer to the end say nothing.
        if (seen === this.#count) break;
      }
      if (seen === this.#count) yield { value, share: 1, count: seen };
    }
  }
}

function nextShare(share: number, rowsPerHalving: number): number {
  const halvings = Math.floor(Math.log2(1 / (1 - share))) + 1;
  return share + 1 / (rowsPerHalving * 2 ** halvings);
}

function indexOf(value: number): number {
  const shift = Math.max(0, 31 - Math.clz32(value) - stepBits);
  return shift * stepCount + (value >>> shift);
}

/** The largest value that counts at this index. */
function largestAt(index: number): number {
  if (index < 2 * stepCount) return index;
  const shift = Math.floor(index / stepCount) - 1;
  return ((index % stepCount) + stepCount + 1) * 2 ** shift - 1;
}
