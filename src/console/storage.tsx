/** The store: its levels with their tables in the order of the keys, and what can be started by hand. */
import { useState } from "preact/hooks";
import type { CompactResponse, Level, Table } from "../gen/pairdb/admin/v1/admin_pb.ts";
import { admin } from "./api.ts";
import { bytes, count, duration, moment } from "./format.ts";
import { Answered, Badge, Confirm, Empty, Facts, Failure, Panel } from "./parts.tsx";
import { identity, may } from "./session.ts";
import { shownKey } from "./shown-key.ts";
import { useStore } from "./store.ts";
import { useCall } from "./use-call.ts";

const refreshMs = 2000;
/** More tables than that are not drawn. */
const maxTables = 5000;

export function Storage() {
  const [chosen, setChosen] = useState<Table>();
  const levels = useCall((signal) => admin.listLevels({}, { signal }), [], refreshMs);
  const tables = useCall(listTables, [], refreshMs);
  return (
    <>
      <Panel title="Levels" actions={<Actions />}>
        <Answered call={levels} what="levels">
          {(answer) => (
            <div class="levels">
              {answer.levels
                .filter((level) => level.level === 0 || level.tableCount > 0)
                .map((level) => (
                  <LevelRow
                    key={level.level}
                    level={level}
                    tables={(tables.answer ?? []).filter((table) => table.level === level.level)}
                    chosen={chosen}
                    onChoose={setChosen}
                  />
                ))}
              {answer.levels.every((level) => level.tableCount === 0) && (
                <Empty>
                  No table yet: all is in memory and in the commit log. "Flush" writes the first one.
                </Empty>
              )}
            </div>
          )}
        </Answered>
        {tables.failure !== undefined && <Failure error={tables.failure} again={tables.again} />}
        <p class="detail">
          Tables lie in the order of their keys, as wide as their bytes. The warmer the colour, the more of
          the entries are deletions.
        </p>
      </Panel>
      {chosen !== undefined && <TableFacts table={chosen} />}
    </>
  );
}

async function listTables(signal: AbortSignal): Promise<Table[]> {
  const tables: Table[] = [];
  let pageToken = "";
  do {
    const page = await admin.listTables({ pageSize: 1000, pageToken }, { signal });
    tables.push(...page.tables);
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && tables.length < maxTables);
  return tables;
}

interface LevelRowProps {
  readonly level: Level;
  readonly tables: readonly Table[];
  readonly chosen: Table | undefined;
  readonly onChoose: (table: Table) => void;
}

function LevelRow({ level, tables, chosen, onChoose }: LevelRowProps) {
  const sorted = [...tables].sort((one, other) => compareBytes(one.smallestKey, other.smallestKey));
  return (
    <section class="level" aria-label={`Level ${level.level}`}>
      <h3>
        Level {level.level}
        <span class="detail">
          {count(level.tableCount)} tables, {bytes(level.sizeBytes)}, {count(level.entryCount)} entries
          {level.writeAmplification !== undefined && `, written ${level.writeAmplification.toFixed(1)} times`}
          {level.failedJobCountSinceStart > 0n && `, ${level.failedJobCountSinceStart} jobs failed`}
        </span>
      </h3>
      <div class="blocks">
        {sorted.map((table) => (
          <button
            type="button"
            key={String(table.number)}
            class={`block tombstones-${tombstoneStep(table)}`}
            style={{ flexGrow: Number(table.sizeBytes) }}
            aria-pressed={table.number === chosen?.number}
            aria-label={`Table ${table.number}, ${bytes(table.sizeBytes)}`}
            title={`Table ${table.number}, ${bytes(table.sizeBytes)}\n${shown(table.smallestKey)} … ${shown(table.largestKey)}`}
            onClick={() => onChoose(table)}
          />
        ))}
      </div>
    </section>
  );
}

function TableFacts({ table }: { table: Table }) {
  const share = Number(table.tombstoneCount) / Math.max(Number(table.entryCount), 1);
  return (
    <Panel title={`Table ${table.number} on level ${table.level}`}>
      <Facts
        facts={[
          ["Size", `${bytes(table.sizeBytes)}, ${bytes(table.uncompressedSizeBytes)} uncompressed`],
          ["Entries", count(table.entryCount)],
          ["Deletions", `${count(table.tombstoneCount)} (${(share * 100).toFixed(0)} %)`],
          ["Sequence numbers", `${table.smallestSequence} to ${table.largestSequence}`],
          ["Written", `${moment(table.createdAtUnixMs)} UTC`],
          ["First key", <code key="first">{shown(table.smallestKey)}</code>],
          ["Last key", <code key="last">{shown(table.largestKey)}</code>],
        ]}
      />
    </Panel>
  );
}

function Actions() {
  const isAdmin = may(useStore(identity), "admin");
  const [isAsking, setAsking] = useState(false);
  const [told, setTold] = useState("");
  const [failure, setFailure] = useState<unknown>();
  const run = async (work: () => Promise<void>) => {
    setFailure(undefined);
    try {
      await work();
    } catch (error) {
      setTold("");
      setFailure(error);
    }
  };
  const flush = async () => {
    setTold("Flushing …");
    const { durationSeconds } = await admin.flush({});
    setTold(`Flushed in ${duration(durationSeconds)}.`);
  };
  const compact = async () => {
    setTold("Compacting …");
    for await (const progress of admin.compact({})) setTold(describe(progress));
  };
  if (!isAdmin) return <Badge tone="quiet">to flush or compact takes the scope admin</Badge>;
  return (
    <>
      <span class="detail" role="status">
        {told}
      </span>
      {failure !== undefined && <Failure error={failure} />}
      <button type="button" onClick={() => void run(flush)}>
        Flush
      </button>
      <button type="button" onClick={() => setAsking(true)}>
        Compact all
      </button>
      {isAsking && (
        <Confirm
          title="Compact the whole store?"
          action="Compact all"
          onConfirm={() => void run(compact)}
          onClose={() => setAsking(false)}
        >
          <p>
            All tables of all tenants are read and written anew, down to the lowest level. No record is lost;
            it takes time, disk and bandwidth, and goes on when this page is closed.
          </p>
        </Confirm>
      )}
    </>
  );
}

function describe(progress: CompactResponse): string {
  if (progress.isDone) return `Compacted in ${duration(progress.elapsedSeconds)}.`;
  if (progress.isPaused) return "Compaction is paused.";
  return `Compacting: ${bytes(progress.compactedBytes)} written in ${duration(progress.elapsedSeconds)}`;
}

/** 0 to 4. */
function tombstoneStep(table: Table): number {
  const share = Number(table.tombstoneCount) / Math.max(Number(table.entryCount), 1);
  return Math.min(4, Math.ceil(share * 8));
}

function shown(key: Uint8Array): string {
  return shownKey(new TextDecoder().decode(key));
}

function compareBytes(one: Uint8Array, other: Uint8Array): number {
  const length = Math.min(one.length, other.length);
  for (let place = 0; place < length; place++) {
    const difference = (one[place] ?? 0) - (other[place] ?? 0);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}
