/** The ring as this node sees it: its members, what happened lately, and the streams to other nodes. */
import type { Member } from "../gen/pairdb/admin/v1/admin_pb.ts";
import { admin } from "./api.ts";
import { bytes, count, duration, moment } from "./format.ts";
import { Answered, Badge, Empty, Panel, type Tone } from "./parts.tsx";
import { useCall } from "./use-call.ts";

const refreshMs = 3000;

const toneOfState: Record<string, Tone> = {
  alive: "good",
  suspect: "warn",
  dead: "bad",
  failed: "bad",
  completed: "good",
  serving: "good",
  draining: "warn",
};

function State({ name }: { name: string }) {
  return <Badge tone={toneOfState[name] ?? "quiet"}>{name}</Badge>;
}

export function Cluster() {
  const ring = useCall((signal) => admin.listMembers({}, { signal }), [], refreshMs);
  return (
    <>
      <Service />
      <Panel title="Members">
        <Answered call={ring} what="members">
          {({ members }) =>
            members.length === 0 ? (
              <Empty>This node does not gossip, so it knows of no others.</Empty>
            ) : (
              <Rows
                heads={["Name", "State", "Address", "Incarnation", "Tells of itself"]}
                rows={members.map((member) => [
                  member.name,
                  <State key="state" name={member.state} />,
                  member.address,
                  member.incarnation,
                  <code key="meta">{metaOf(member)}</code>,
                ])}
              />
            )
          }
        </Answered>
      </Panel>
      <Streams />
      <Panel title="What happened in the ring">
        <Answered call={ring} what="events">
          {({ recentEvents }) =>
            recentEvents.length === 0 ? (
              <Empty>Nothing yet.</Empty>
            ) : (
              <Rows
                heads={["When (UTC)", "What", "Who", "Address"]}
                rows={[...recentEvents]
                  .reverse()
                  .map((event) => [moment(event.timeUnixMs), event.kind, event.member, event.address])}
              />
            )
          }
        </Answered>
      </Panel>
    </>
  );
}

function Service() {
  const status = useCall((signal) => admin.getStatus({}, { signal }), [], refreshMs);
  return (
    <Panel title="In service">
      <Answered call={status} what="the state of service">
        {({ drain }) => (
          <>
            <p>
              <State name={drain?.state ?? "unknown"} />
            </p>
            {drain !== undefined && drain.left.length > 0 && (
              <ul>
                {drain.left.map((left) => (
                  <li key={left}>{left}</li>
                ))}
              </ul>
            )}
          </>
        )}
      </Answered>
    </Panel>
  );
}

function Streams() {
  const streams = useCall((signal) => admin.listStreams({}, { signal }), [], refreshMs);
  return (
    <Panel title="Streams to other nodes">
      <Answered call={streams} what="streams">
        {(answer) =>
          answer.streams.length === 0 ? (
            <Empty>No stream runs or ran lately.</Empty>
          ) : (
            <Rows
              heads={["Target", "State", "Copied", "Streamed", "Lag"]}
              rows={answer.streams.map((stream) => [
                stream.targetNodeId,
                <State key="state" name={stream.state} />,
                `${count(stream.keysCopied)} keys, ${bytes(stream.bytesCopied)}`,
                `${count(stream.keysStreamed)} keys, ${bytes(stream.bytesStreamed)}`,
                `${bytes(stream.lagBytes)}, ${duration(stream.lagSeconds)}`,
              ])}
            />
          )
        }
      </Answered>
    </Panel>
  );
}

type Cell = string | number | preact.JSX.Element;

function Rows({ heads, rows }: { heads: readonly string[]; rows: readonly (readonly Cell[])[] }) {
  return (
    <section class="scroll" tabIndex={0} aria-label={heads.join(", ")}>
      <table>
        <thead>
          <tr>
            {heads.map((head) => (
              <th scope="col" key={head}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((cells, place) => (
            <tr key={place}>
              {cells.map((cell, column) => (
                <td key={heads[column]}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function metaOf({ meta }: Member): string {
  return new TextDecoder().decode(meta);
}
