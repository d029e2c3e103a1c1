/** One record: its value, its clock and siblings, and what can be done with it. */
import { useState } from "preact/hooks";
import type { ReadResponse } from "../gen/storage/storage_node_pb.ts";
import { storage } from "./api.ts";
import { changedSince, clockAfter } from "./change.ts";
import { ClockTable } from "./clocks.tsx";
import { EditRecord } from "./edit-record.tsx";
import { bytes, moment } from "./format.ts";
import { Answered, Badge, Confirm, Empty, Failure, Panel } from "./parts.tsx";
import { linkTo } from "./route.ts";
import { identity, may } from "./session.ts";
import { shownKey } from "./shown-key.ts";
import { useStore } from "./store.ts";
import { useCall } from "./use-call.ts";
import { ValueView } from "./value-view.tsx";

interface RecordViewProps {
  readonly tenant: string;
  readonly recordKey: string;
}

export function RecordView({ tenant, recordKey }: RecordViewProps) {
  const request = { tenantId: tenant, key: recordKey, includeSiblings: true };
  const record = useCall((signal) => storage.read(request, { signal }), [tenant, recordKey]);
  const [doing, setDoing] = useState<"nothing" | "editing" | "deleting">("nothing");
  const [failure, setFailure] = useState<unknown>();
  const mayWrite = may(useStore(identity), "write");
  const { answer } = record;
  const remove = async (shown: ReadResponse) => {
    try {
      await deleteUnchanged(tenant, recordKey, shown);
      setFailure(undefined);
    } catch (error) {
      setFailure(error);
    }
    record.again();
  };
  return (
    <Panel
      title={shownKey(recordKey)}
      class="record"
      actions={
        <>
          <a class="button" href={linkTo("data", { tenant })}>
            Close
          </a>
          <button type="button" onClick={record.again}>
            Refresh
          </button>
          {mayWrite && answer !== undefined && (
            <button type="button" onClick={() => setDoing("editing")}>
              {answer.siblingCount > 1 ? "Resolve" : answer.success ? "Edit" : "Write"}
            </button>
          )}
          {mayWrite && answer?.success && (
            <button type="button" class="danger" onClick={() => setDoing("deleting")}>
              Delete
            </button>
          )}
        </>
      }
    >
      {failure !== undefined && <Failure error={failure} />}
      <Answered call={record} what="the record">
        {(shown) => <Contents record={shown} />}
      </Answered>
      {doing === "editing" && answer !== undefined && (
        <EditRecord
          tenant={tenant}
          recordKey={recordKey}
          shown={answer}
          onClose={() => setDoing("nothing")}
          onDone={record.again}
        />
      )}
      {doing === "deleting" && answer !== undefined && (
        <ConfirmDelete
          tenant={tenant}
          recordKey={recordKey}
          record={answer}
          onConfirm={() => void remove(answer)}
          onClose={() => setDoing("nothing")}
        />
      )}
    </Panel>
  );
}

function Contents({ record }: { record: ReadResponse }) {
  const { siblings } = record;
  return (
    <>
      {!record.success && <Empty>There is no live value under this key.</Empty>}
      {record.success && siblings.length === 0 && <ValueView value={record.value} />}
      {siblings.map((sibling, place) => (
        <section class="sibling" key={`${place} ${sibling.timestamp}`} aria-label={`Sibling ${place + 1}`}>
          <h3>
            Sibling {place + 1} {place === 0 && <Badge tone="accent">answers reads</Badge>}{" "}
            <span class="detail">{moment(sibling.timestamp * 1000n)} UTC</span>
          </h3>
          {sibling.isTombstone ? <p class="detail">Deleted.</p> : <ValueView value={sibling.value} />}
        </section>
      ))}
      {record.vectorClock !== undefined && record.vectorClock.entries.length > 0 && (
        <>
          <h3>Vector clock</h3>
          <ClockTable clock={record.vectorClock} siblings={siblings} />
        </>
      )}
    </>
  );
}

interface ConfirmDeleteProps extends RecordViewProps {
  readonly record: ReadResponse;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}

function ConfirmDelete({ tenant, recordKey, record, onConfirm, onClose }: ConfirmDeleteProps) {
  return (
    <Confirm title="Delete this record?" action="Delete the record" onConfirm={onConfirm} onClose={onClose}>
      <p>
        The key <bdi class="mono">{shownKey(recordKey)}</bdi> of <bdi class="mono">{tenant}</bdi> and its
        value of {bytes(record.value.length)}
        {record.siblingCount > 1 && `, with all ${record.siblingCount} siblings,`} will be deleted.
      </p>
    </Confirm>
  );
}

async function deleteUnchanged(tenantId: string, key: string, shown: ReadResponse): Promise<void> {
  if ((await changedSince(tenantId, key, shown)) !== undefined) {
    throw new Error("The record was changed meanwhile, and nothing was deleted. Now it is shown as it is.");
  }
  await storage.delete({ tenantId, key, vectorClock: clockAfter(shown) });
}
