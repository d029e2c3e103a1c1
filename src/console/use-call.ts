/** A call whose answer a view shows: loading, then an answer or a failure; again when asked, or when the node is back. */
import type { Inputs } from "preact/hooks";
import { useCallback, useEffect, useState } from "preact/hooks";
import { isReachable } from "./api.ts";
import { token } from "./session.ts";
import { useStore } from "./store.ts";

export interface Call<Answer> {
  /** The last answer; a failure does not take it away. */
  readonly answer: Answer | undefined;
  readonly failure: unknown;
  readonly isRunning: boolean;
  readonly again: () => void;
}

/**
 * `inputs`: what the call depends on. With `everyMs` it is repeated while the page is visible, so long after an answer: a
 * call that takes longer than that is not broken off by the next one.
 */
export function useCall<Answer>(
  call: (signal: AbortSignal) => Promise<Answer>,
  inputs: Inputs,
  everyMs?: number,
): Call<Answer> {
  const [state, setState] = useState<Omit<Call<Answer>, "again">>({
    answer: undefined,
    failure: undefined,
    isRunning: true,
  });
  const [turn, setTurn] = useState(0);
  const isBack = useStore(isReachable);
  const currentToken = useStore(token);
  const again = useCallback(() => setTurn((last) => last + 1), []);
  useEffect(() => setState({ answer: undefined, failure: undefined, isRunning: true }), inputs);
  useEffect(() => {
    const abort = new AbortController();
    setState((last) => ({ ...last, isRunning: true }));
    call(abort.signal).then(
      (answer) => {
        if (!abort.signal.aborted) setState({ answer, failure: undefined, isRunning: false });
      },
      (failure) => {
        if (abort.signal.aborted) return;
        setState((last) => ({ ...last, failure, isRunning: false }));
      },
    );
    return () => abort.abort();
  }, [...inputs, turn, isBack, currentToken]);
  useEffect(() => {
    if (everyMs === undefined || state.isRunning) return;
    const timer = setInterval(() => document.hidden || again(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, state.isRunning]);
  return { ...state, again };
}
