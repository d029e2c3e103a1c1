/** What the node runs with: its log level, which can be changed, and its configuration. */
import { useState } from "preact/hooks";
import { admin } from "./api.ts";
import { Answered, Empty, Failure, Panel } from "./parts.tsx";
import { identity, may } from "./session.ts";
import { useStore } from "./store.ts";
import { useCall } from "./use-call.ts";

const logLevels = ["debug", "info", "warn", "error"];

export function Diagnostics() {
  return (
    <>
      <LogLevel />
      <Configuration />
    </>
  );
}

function LogLevel() {
  const status = useCall((signal) => admin.getStatus({}, { signal }), []);
  const [failure, setFailure] = useState<unknown>();
  const isAdmin = may(useStore(identity), "admin");
  const change = async (level: string) => {
    try {
      await admin.setLogLevel({ level });
      setFailure(undefined);
    } catch (error) {
      setFailure(error);
    }
    status.again();
  };
  return (
    <Panel title="Log">
      <Answered call={status} what="the log level">
        {({ logLevel }) => (
          <label class="check">
            Level
            <select
              value={logLevel}
              disabled={!isAdmin}
              onChange={(event) => void change(event.currentTarget.value)}
            >
              {logLevels.map((level) => (
                <option key={level} value={level}>
                  {level}
                </option>
              ))}
            </select>
            <span class="detail">{isAdmin ? "until a restart" : "to change it takes the scope admin"}</span>
          </label>
        )}
      </Answered>
      {failure !== undefined && <Failure error={failure} />}
    </Panel>
  );
}

function Configuration() {
  const configuration = useCall((signal) => admin.getConfiguration({}, { signal }), []);
  const [wanted, setWanted] = useState("");
  return (
    <Panel title="Configuration in force">
      <input
        type="search"
        aria-label="Keys that contain"
        placeholder="Keys that contain …"
        value={wanted}
        onInput={(event) => setWanted(event.currentTarget.value)}
      />
      <Answered call={configuration} what="the configuration">
        {({ settings }) => {
          const found = settings.filter(({ key }) => key.includes(wanted));
          if (found.length === 0) return <Empty>No key contains that.</Empty>;
          return (
            <table class="settings">
              <thead>
                <tr>
                  <th scope="col">Key</th>
                  <th scope="col">Value</th>
                </tr>
              </thead>
              <tbody>
                {found.map(({ key, value }) => (
                  <tr key={key}>
                    <th scope="row" class="mono">
                      {key}
                    </th>
                    <td class="mono">{value === "" ? <span class="detail">not set</span> : value}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          );
        }}
      </Answered>
    </Panel>
  );
}
