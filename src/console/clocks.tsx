/** Versions of one record against the coordinators that counted: who is ahead where, and who knew of whom. */
import type { KeyValueEntry, VectorClock } from "../gen/storage/storage_node_pb.ts";

export type Counts = ReadonlyMap<string, bigint>;

export function countsOf(clock: VectorClock | undefined): Counts {
  return new Map(clock?.entries.map((entry) => [entry.coordinatorNodeId, entry.logicalTimestamp]));
}

interface ClockTableProps {
  /** The merged clock of all versions. */
  readonly clock: VectorClock | undefined;
  readonly siblings: readonly KeyValueEntry[];
}

/** A number is strong where its version has seen most of that coordinator. */
export function ClockTable({ clock, siblings }: ClockTableProps) {
  const merged = countsOf(clock);
  const nodes = [...merged.keys()].sort();
  return (
    <section class="scroll" tabIndex={0} aria-label="Vector clock">
      <table class="clock">
        <thead>
          <tr>
            <th scope="col">Version</th>
            {nodes.map((node) => (
              <th scope="col" class="number mono" key={node}>
                {node}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {siblings.map((sibling, place) => {
            const counts = countsOf(sibling.vectorClock);
            return (
              <tr key={JSON.stringify([...counts].map(String))}>
                <th scope="row">
                  Sibling {place + 1}
                  {sibling.isTombstone && " (deleted)"}
                </th>
                {nodes.map((node) => (
                  <td
                    key={node}
                    class={`number ${counts.get(node) === merged.get(node) ? "ahead" : "behind"}`}
                  >
                    {String(counts.get(node) ?? "–")}
                  </td>
                ))}
              </tr>
            );
          })}
          <tr>
            <th scope="row">{siblings.length > 0 ? "All, merged" : "Current"}</th>
            {nodes.map((node) => (
              <td class="number ahead" key={node}>
                {String(merged.get(node))}
              </td>
            ))}
          </tr>
        </tbody>
      </table>
    </section>
  );
}
