/**
 * Makes the node's Prometheus metrics: every name begins with `pairdb_`, every series carries `node_id`.
 * Times are seconds and sizes bytes, as Prometheus wants them; the code hands in milliseconds.
 */
import { Counter, Gauge, Registry } from "prom-client";
import { TallyCounter, TallyHistogram } from "./tally.ts";

/** 50 µs to 10 s, in steps of about two and a half. */
export const durationBucketsSeconds: readonly number[] = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** From 1 µs, for what takes no longer than a look at memory. */
const shortDurationBucketsSeconds: readonly number[] = [
  0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
  0.01, 0.025, 0.05, 0.1,
];

/** 256 B, doubled ten times. */
export const sizeBucketsBytes: readonly number[] = Array.from({ length: 11 }, (_, i) => 256 * 2 ** i);

/** 1, doubled ten times. */
const countBuckets: readonly number[] = Array.from({ length: 11 }, (_, i) => 2 ** i);

export class Instruments {
  readonly registry = new Registry();

  constructor(nodeId: string) {
    this.registry.setDefaultLabels({ node_id: nodeId });
  }

  counter<Label extends string = never>(name: string, help: string, labels: Label[] = []): Counter<Label> {
    return new Counter({ name: `pairdb_${name}`, help, labelNames: labels, registers: [this.registry] });
  }

  /** A counter whose series are kept as plain numbers, for what happens at every call. */
  tally(name: string, help: string): TallyCounter {
    const counter = new TallyCounter(`pairdb_${name}`, help);
    this.registry.registerMetric(counter.asMetric());
    return counter;
  }

  /** A counter that somebody else keeps, asked for at each scrape; silent where `read` gives undefined. */
  keptCounter(name: string, help: string, read: () => number | undefined): void {
    new Counter({
      name: `pairdb_${name}`,
      help,
      registers: [this.registry],
      collect() {
        this.reset();
        const count = read();
        if (count !== undefined) this.inc(count);
      },
    });
  }

  /** Such a counter for each value of a label. */
  keptCounterByLabel(
    name: string,
    help: string,
    label: string,
    read: () => Iterable<readonly [string, number]>,
  ): void {
    new Counter({
      name: `pairdb_${name}`,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [value, count] of read()) this.inc({ [label]: value }, count);
      },
    });
  }

  /** A gauge whose value is asked for at each scrape, or set where `read` is left out. */
  gauge<Label extends string = never>(
    name: string,
    help: string,
    read?: (gauge: Gauge<Label>) => void,
    labels: Label[] = [],
  ): Gauge<Label> {
    return new Gauge({
      name: `pairdb_${name}`,
      help,
      labelNames: labels,
      registers: [this.registry],
      ...(read === undefined
        ? {}
        : {
            collect() {
              read(this);
            },
          }),
    });
  }

  /** Observes seconds. */
  durations(name: string, help: string): TallyHistogram {
    return this.#histogram(name, help, durationBucketsSeconds);
  }

  /** Observes seconds, few of them more than a millisecond. */
  shortDurations(name: string, help: string): TallyHistogram {
    return this.#histogram(name, help, shortDurationBucketsSeconds);
  }

  /** Observes bytes. */
  sizes(name: string, help: string): TallyHistogram {
    return this.#histogram(name, help, sizeBucketsBytes);
  }

  /** Observes small whole numbers. */
  counts(name: string, help: string): TallyHistogram {
    return this.#histogram(name, help, countBuckets);
  }

  #histogram(name: string, help: string, buckets: readonly number[]): TallyHistogram {
    const histogram = new TallyHistogram(`pairdb_${name}`, help, buckets);
    this.registry.registerMetric(histogram.asMetric());
    return histogram;
  }
}
