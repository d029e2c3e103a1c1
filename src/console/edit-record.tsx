/**
 * Writes a record. What the writer saw is compared with what the node holds just before: where that was changed
 * meanwhile, he is shown it, and nothing is written until he wants his own all the same.
 */
import { useState } from "preact/hooks";
import type { ReadResponse } from "../gen/storage/storage_node_pb.ts";
import { storage } from "./api.ts";
import { changedSince, clockAfter } from "./change.ts";
import { Dialog, Failure } from "./parts.tsx";
import { goTo } from "./route.ts";
import { decode, ValueView } from "./value-view.tsx";

interface EditRecordProps {
  readonly tenant: string;
  /** Undefined: the writer names it. */
  readonly recordKey?: string;
  /** What the writer saw; undefined: nothing. */
  readonly shown?: ReadResponse;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

export function EditRecord({ tenant, recordKey, shown, onClose, onDone }: EditRecordProps) {
  const before = shown === undefined ? "" : decode(shown.value);
  const [key, setKey] = useState(recordKey ?? "");
  const [text, setText] = useState(before ?? "");
  const [expected, setExpected] = useState(shown);
  const [isChanged, setChanged] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const save = async () => {
    try {
      const current = await changedSince(tenant, key, expected);
      if (current !== undefined) {
        setExpected(current);
        setChanged(true);
        return;
      }
      const value = new TextEncoder().encode(text);
      await storage.write({ tenantId: tenant, key, value, vectorClock: clockAfter(expected) });
      onDone();
      onClose();
      goTo("data", { tenant, key });
    } catch (error) {
      setFailure(error);
    }
  };
  return (
    <Dialog
      title={recordKey === undefined ? `New record of ${tenant}` : "Write the record"}
      onClose={onClose}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {recordKey === undefined && (
          <label class="field">
            Key
            <input required value={key} onInput={(event) => setKey(event.currentTarget.value)} />
          </label>
        )}
        {before === undefined && (
          <p class="detail">The value is not UTF-8: what you write takes its place.</p>
        )}
        {expected !== undefined && expected.siblingCount > 1 && (
          <p class="detail">This takes the place of all {expected.siblingCount} siblings.</p>
        )}
        <label class="field">
          Value
          <textarea value={text} onInput={(event) => setText(event.currentTarget.value)} spellcheck={false} />
        </label>
        {isChanged && <ChangedMeanwhile current={expected} />}
        {failure !== undefined && <Failure error={failure} />}
        <div class="buttons">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary">
            {isChanged ? "Write mine all the same" : "Write"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function ChangedMeanwhile({ current }: { current: ReadResponse | undefined }) {
  return (
    <div role="alert" class="changed">
      <strong>The record was changed meanwhile.</strong> Nothing was written. This is what the node holds now:
      {current?.success ? <ValueView value={current.value} /> : <p>It was deleted.</p>}
    </div>
  );
}
