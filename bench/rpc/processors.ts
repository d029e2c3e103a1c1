/** The server on one processor, whoever loads it on another: else each round measures how the two shared them. */
import { cpus } from "node:os";

const canPin = cpus().length >= 2 && Bun.which("taskset") !== null;

let isPinning = canPin;

/** Leaves it to the kernel from now on, as for servers that use several processors. */
export function unpin(): void {
  isPinning = false;
}

/** Put before a server's command. */
export function serverPrefix(): string[] {
  return isPinning ? ["taskset", "--cpu-list", "0"] : [];
}

/** Put before the command of what loads it. */
export function loadPrefix(): string[] {
  return isPinning ? ["taskset", "--cpu-list", "1"] : [];
}

export function describePinning(): string {
  return isPinning
    ? "server on one processor, load on another (taskset)"
    : "server and load on any processor";
}
