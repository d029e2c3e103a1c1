/**
 * SIGTERM and SIGINT: the first asks for a graceful stop, a second one ends the process at once. SIGUSR2, which
 * `pairdb-node prestop` sends, says that a stop will follow. SIGHUP asks to read anew the files that may change.
 */

const stopSignals = ["SIGTERM", "SIGINT"] as const;

export const announceSignal = "SIGUSR2";

export type StopSignal = (typeof stopSignals)[number];

export interface SignalHandlers {
  readonly announce: () => void;
  readonly stop: (signal: StopSignal) => void;
  readonly stopAtOnce: (signal: StopSignal) => void;
}

/** Returns what takes the handlers off again. */
export function onStopSignals({ announce, stop, stopAtOnce }: SignalHandlers): () => void {
  let isStopping = false;
  const handle = (signal: StopSignal) => {
    if (isStopping) {
      stopAtOnce(signal);
      return;
    }
    isStopping = true;
    stop(signal);
  };
  for (const signal of stopSignals) process.on(signal, handle);
  process.on(announceSignal, announce);
  return () => {
    for (const signal of stopSignals) process.off(signal, handle);
    process.off(announceSignal, announce);
  };
}

/** Returns what takes the handler off again. */
export function onHangUp(reload: () => void): () => void {
  process.on("SIGHUP", reload);
  return () => process.off("SIGHUP", reload);
}
