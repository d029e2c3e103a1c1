import { expect } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import { below, oneIn, randomKey } from "../random-operations.ts";
import { lookUp, scan, sorted, takeEntries } from "../store-history.ts";
import { defineOperation } from "./operation.ts";
import type { OpenView, StoreUnderTest } from "./store-under-test.ts";

const mostViews = 4;

export const openView = defineOperation({
  weight: 25,
  generate: () => undefined,
  run: (store) => {
    if (store.views.length === mostViews) store.views.shift()!.view.close();
    const view = store.engine.view();
    const expected = sorted(store.history.stateAt(view.sequence));
    store.views.push({ view, cursor: view.cursor(), expected, position: 0 });
    return view.sequence;
  },
});

/** Reads one of the open views, counted around; it may have ended where the run allows that. */
function withView<Answer>(
  store: StoreUnderTest,
  choice: number,
  read: (open: OpenView) => Answer,
): Answer | undefined {
  const open = store.views[choice % store.views.length];
  if (open === undefined) return undefined;
  try {
    return read(open);
  } catch (error) {
    const isAborted = error instanceof StorageError && error.code === "ABORTED";
    if (!isAborted || store.settings.endsViews !== true) throw error;
    store.views.splice(store.views.indexOf(open), 1);
    return undefined;
  }
}

interface ReadViewParameters {
  readonly choice: number;
  /** Goes so much further in the scan that was begun earlier; `undefined` scans all of the view anew. */
  readonly count: number | undefined;
}

/** Whatever was written, flushed and compacted since, a view shows the moment it was opened at. */
export const readView = defineOperation<ReadViewParameters>({
  weight: 30,
  generate: (random) => ({
    choice: below(random, mostViews),
    count: oneIn(random, 3) ? undefined : 1 + below(random, 5),
  }),
  run: (store, { choice, count }) =>
    withView(store, choice, (open) => {
      const { cursor, expected, position, view } = open;
      if (count === undefined) {
        const seen = scan(view.cursor());
        expect(seen).toEqual([...expected]);
        return seen;
      }
      const seen = takeEntries(cursor, position > 0, count);
      expect(seen).toEqual(expected.slice(position, position + count));
      open.position = seen.length < count ? 0 : position + seen.length;
      return seen;
    }),
});

export const readViewKeys = defineOperation({
  weight: 15,
  generate: (random, { keyCount }) => ({
    choice: below(random, mostViews),
    keys: Array.from({ length: 5 }, () => randomKey(random, keyCount)),
  }),
  run: (store, { choice, keys }) =>
    withView(store, choice, ({ view, expected }) => {
      const state = new Map(expected);
      const seen = keys.map((key) => lookUp(view, key));
      expect(seen).toEqual(keys.map((key) => state.get(key)));
      return seen;
    }),
});
