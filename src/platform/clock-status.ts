/** Whether somebody keeps the machine's clock right, as Linux knows from whoever sets it (`adjtimex`). */
import { ptr } from "bun:ffi";
import { cLibrary } from "./c-library.ts";

export interface ClockStatus {
  readonly isSynchronised: boolean;
  /** What the clock is wrong by at most, as far as the system knows. */
  readonly largestErrorMs: number;
}

// struct timex on machines of 64 bits: 26 words of 8 bytes; 0 in `modes` only asks.
const wordCount = 26;
const maxErrorWord = 3;
const statusWord = 5;
const unsynchronised = 0x40; // STA_UNSYNC

/** Undefined where the system does not tell. */
export function readClockStatus(): ClockStatus | undefined {
  const words = new BigInt64Array(wordCount);
  try {
    if (cLibrary().adjtimex(ptr(words)) < 0) return undefined;
  } catch {
    return undefined;
  }
  const status = Number(BigInt.asUintN(32, words[statusWord] ?? 0n));
  return {
    isSynchronised: (status & unsynchronised) === 0,
    largestErrorMs: Number(words[maxErrorWord]) / 1000,
  };
}
