/** The records of the node: tenants, the keys of one, and one record. Where one is stands in the address. */
import { useState } from "preact/hooks";
import { admin } from "./api.ts";
import { EditRecord } from "./edit-record.tsx";
import { bytes } from "./format.ts";
import { KeyList } from "./key-list.tsx";
import { Answered, Empty, Panel } from "./parts.tsx";
import { RecordView } from "./record.tsx";
import { goTo, linkTo, route } from "./route.ts";
import { identity, may } from "./session.ts";
import { useStore } from "./store.ts";
import { useCall } from "./use-call.ts";

export function Data() {
  const { parameters } = useStore(route);
  const tenant = parameters.get("tenant");
  const key = parameters.get("key");
  return (
    <div class={`data ${key === null ? "" : "has-record"}`}>
      <Tenants chosen={tenant} />
      {tenant === null ? (
        <Panel title="Keys">
          <Empty>Choose a tenant to see its keys.</Empty>
        </Panel>
      ) : (
        <Keys tenant={tenant} chosen={key} />
      )}
      {tenant !== null && key !== null && (
        <RecordView key={JSON.stringify([tenant, key])} tenant={tenant} recordKey={key} />
      )}
    </div>
  );
}

function Tenants({ chosen }: { chosen: string | null }) {
  const [typed, setTyped] = useState("");
  const tenants = useCall((signal) => admin.listTenants({ pageSize: 1000 }, { signal }), []);
  return (
    <Panel
      title="Tenants"
      class="tenants"
      actions={
        <button type="button" onClick={tenants.again}>
          Refresh
        </button>
      }
    >
      <form
        class="search"
        onSubmit={(event) => {
          event.preventDefault();
          if (typed !== "") goTo("data", { tenant: typed });
        }}
      >
        <input
          aria-label="Tenant id"
          placeholder="Tenant id"
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
        <button type="submit">Open</button>
      </form>
      <Answered call={tenants} what="tenants">
        {(answer) =>
          answer.tenants.length === 0 ? (
            <Empty>This node holds no records yet.</Empty>
          ) : (
            <ul class="choices">
              {answer.tenants.map((tenant) => (
                <li key={tenant.tenantId}>
                  <a
                    href={linkTo("data", { tenant: tenant.tenantId })}
                    aria-current={tenant.tenantId === chosen ? "true" : undefined}
                  >
                    <bdi class="mono">{tenant.tenantId}</bdi>
                    <span class="detail">
                      {bytes(tenant.approximateTableBytes + tenant.approximateMemtableBytes)}
                    </span>
                  </a>
                </li>
              ))}
              {answer.nextPageToken !== "" && <li class="detail">There are more: open them by their id.</li>}
            </ul>
          )
        }
      </Answered>
    </Panel>
  );
}

function Keys({ tenant, chosen }: { tenant: string; chosen: string | null }) {
  const [prefix, setPrefix] = useState("");
  const [turn, setTurn] = useState(0);
  const [isCreating, setCreating] = useState(false);
  const mayWrite = may(useStore(identity), "write");
  return (
    <Panel
      title={`Keys of ${tenant}`}
      class="keys"
      actions={
        <>
          <button type="button" onClick={() => setTurn(turn + 1)}>
            Refresh
          </button>
          {mayWrite && (
            <button type="button" class="primary" onClick={() => setCreating(true)}>
              New record
            </button>
          )}
        </>
      }
    >
      <input
        type="search"
        aria-label="Keys that begin with"
        placeholder="Keys that begin with …"
        value={prefix}
        onInput={(event) => setPrefix(event.currentTarget.value)}
      />
      <KeyList key={JSON.stringify([tenant, prefix, turn])} tenant={tenant} prefix={prefix} chosen={chosen} />
      {isCreating && (
        <EditRecord tenant={tenant} onClose={() => setCreating(false)} onDone={() => setTurn(turn + 1)} />
      )}
    </Panel>
  );
}
