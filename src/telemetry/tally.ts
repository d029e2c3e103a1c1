/**
 * Counters and histograms that cost their caller a few nanoseconds: plain numbers, put into prom-client's shape when
 * somebody scrapes. The library's own look their series up by name at each observation, which shows at a hundred
 * thousand calls a second.
 */
import type { Metric, MetricValueWithName } from "prom-client";

type Labels = Readonly<Record<string, string | number>>;

/** One series of a counter. */
export interface TallyCell {
  count: number;
}

interface Exposition {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "histogram";
  readonly aggregator: "sum";
  readonly values: readonly MetricValueWithName<string>[];
}

/** What prom-client's registry asks of a metric. */
abstract class Tally {
  readonly name: string;
  readonly help: string;

  constructor(name: string, help: string) {
    this.name = name;
    this.help = help;
  }

  abstract get(): Promise<Exposition>;

  /** As the registry's type wants it, which names the library's own classes only. */
  asMetric(): Metric {
    return this as unknown as Metric;
  }
}

export class TallyCounter extends Tally {
  readonly #series: { readonly labels: Labels; readonly cell: TallyCell }[] = [];

  /** A new series, which starts at 0; its owner counts it up. */
  cell(labels: Labels): TallyCell {
    const cell = { count: 0 };
    this.#series.push({ labels, cell });
    return cell;
  }

  async get(): Promise<Exposition> {
    const { name, help } = this;
    const values = this.#series.map(({ labels, cell }) => ({ metricName: name, labels, value: cell.count }));
    return { name, help, type: "counter", aggregator: "sum", values };
  }
}

export class TallyHistogram extends Tally {
  readonly #bounds: readonly number[];
  /** By bucket, one more than bounds; not cumulative. */
  readonly #counts: Float64Array;
  #sum = 0;

  /** `bounds`: upper bounds of the buckets, ascending. */
  constructor(name: string, help: string, bounds: readonly number[]) {
    super(name, help);
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  /** What was counted so far, by bucket, one more than bounds. */
  distribution(): { readonly bounds: readonly number[]; readonly counts: readonly number[] } {
    return { bounds: this.#bounds, counts: [...this.#counts] };
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && value > this.#bounds[bucket]!) bucket++;
    this.#counts[bucket]!++;
    this.#sum += value;
  }

  async get(): Promise<Exposition> {
    const { name, help } = this;
    let count = 0;
    const buckets = [...this.#bounds, "+Inf"].map((le, bucket) => {
      count += this.#counts[bucket]!;
      return { metricName: `${name}_bucket`, labels: { le }, value: count };
    });
    const values = [
      ...buckets,
      { metricName: `${name}_sum`, labels: {}, value: this.#sum },
      { metricName: `${name}_count`, labels: {}, value: count },
    ];
    return { name, help, type: "histogram", aggregator: "sum", values };
  }
}
