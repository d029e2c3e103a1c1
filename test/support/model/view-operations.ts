import { expect } from "bun:test";
import { StorageError } from "../../../src/base/errors.ts";
import { below, oneIn } from "../random-operations.ts";
import { scan, sorted, takeEntries } from "../store-history.ts";
import { defineOperation } from "./operation.ts";

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

interface ReadViewParameters {
  /** Which of the open views, counted around. */
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
  run: (store, { choice, count }) => {
    const open = store.views[choice % store.views.length];
    if (open === undefined) return undefined;
    const { cursor, expected, position, view } = open;
    try {
      if (count === undefined) {
        const seen = scan(view.cursor());
        expect(seen).toEqual([...expected]);
        return seen;
      }
      const seen = takeEntries(cursor, position > 0, count);
      expect(seen).toEqual(expected.slice(position, position + count));
      open.position = seen.length < count ? 0 : position + seen.length;
      return seen;
    } catch (error) {
      const isAborted = error instanceof StorageError && error.code === "ABORTED";
      if (!isAborted || store.settings.endsViews !== true) throw error;
      store.views.splice(store.views.indexOf(open), 1);
      return undefined;
    }
  },
});
