/** The memory of a process over time. */
import { readFileSync } from "node:fs";

/** In megabytes. */
export interface Memory {
  readonly resident: number;
  /** Pages that are the process's own; the rest of those resident are of mapped files, which the system takes back. */
  readonly own: number;
}

const sampleIntervalMs = 250;

/** Samples a process until it is stopped. The collector makes memory go up and down by half: no sample says much alone. */
export class MemoryWatch {
  readonly #samples: Memory[] = [];
  readonly #timer: Timer;

  constructor(pid: number) {
    this.#timer = setInterval(() => void this.#samples.push(memoryOf(pid)), sampleIntervalMs);
  }

  get sampleCount(): number {
    return this.#samples.length;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Of the samples from one index to before another, the one in the middle of each figure. */
  median(from: number, to = this.#samples.length): Memory {
    return this.#at(0.5, from, to);
  }

  /** What is left when the collector has just run: this grows where something is kept that nobody needs. */
  least(from: number, to = this.#samples.length): Memory {
    return this.#at(0, from, to);
  }

  #at(share: number, from: number, to: number): Memory {
    const samples = this.#samples.slice(from, to);
    const figure = (name: keyof Memory): number => {
      const sorted = samples.map((sample) => sample[name]).sort((a, b) => a - b);
      return sorted[Math.floor(share * sorted.length)] ?? Number.NaN;
    };
    return { resident: figure("resident"), own: figure("own") };
  }
}

function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const megabytes = (name: string) =>
    Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]) / 1024);
  return { resident: megabytes("VmRSS"), own: megabytes("RssAnon") + megabytes("RssShmem") };
}
