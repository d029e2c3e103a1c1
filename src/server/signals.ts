/** SIGTERM and SIGINT: the first asks for a graceful stop, a second one ends the process at once. */

const stopSignals = ["SIGTERM", "SIGINT"] as const;

export type StopSignal = (typeof stopSignals)[number];

export interface SignalHandlers {
  readonly stop: (signal: StopSignal) => void;
  readonly stopAtOnce: (signal: StopSignal) => void;
}

/** Returns what takes the handlers off again. */
export function onStopSignals({ stop, stopAtOnce }: SignalHandlers): () => void {
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
  return () => {
    for (const signal of stopSignals) process.off(signal, handle);
  };
}
