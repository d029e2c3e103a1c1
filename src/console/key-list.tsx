/** Keys of a tenant: fetched page by page as the reader scrolls, and only those that are seen are in the document. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { KeyValueEntry } from "../gen/storage/storage_node_pb.ts";
import { storage } from "./api.ts";
import { bytes, count } from "./format.ts";
import { Badge, Empty, Failure, Loading } from "./parts.tsx";
import { linkTo } from "./route.ts";
import { shownKey } from "./shown-key.ts";

const pageSize = 500;
const rowHeight = 34;
/** Rows above and below what is seen. */
const margin = 10;

interface KeyListProps {
  readonly tenant: string;
  readonly prefix: string;
  readonly chosen: string | null;
}

export function KeyList({ tenant, prefix, chosen }: KeyListProps) {
  const { rows, isComplete, failure, isRunning, more } = usePages(tenant, prefix);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const box = useRef<HTMLElement>(null);
  const first = Math.max(0, Math.floor(top / rowHeight) - margin);
  const last = Math.min(rows.length, Math.ceil((top + height) / rowHeight) + margin);
  useEffect(() => {
    if (box.current !== null) setHeight(box.current.clientHeight);
    if (!isComplete && !isRunning && failure === undefined && last > rows.length - pageSize / 2) more();
  });
  if (rows.length === 0) {
    if (failure !== undefined) return <Failure error={failure} again={more} />;
    return isComplete ? <Empty>No live key here.</Empty> : <Loading what="keys" />;
  }
  return (
    <>
      <section
        ref={box}
        class="key-list"
        tabIndex={0}
        aria-label="Keys"
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      >
        <ul style={{ height: `${rows.length * rowHeight}px` }}>
          {rows.slice(first, last).map((row, place) => (
            <li key={row.key} style={{ top: `${(first + place) * rowHeight}px` }}>
              <a
                href={linkTo("data", { tenant, key: row.key })}
                aria-current={row.key === chosen ? "true" : undefined}
                title={shownKey(row.key)}
              >
                <bdi class="mono">{shownKey(row.key)}</bdi>
                {row.siblingCount > 1 && <Badge tone="warn">{row.siblingCount} siblings</Badge>}
                <span class="detail">{bytes(row.valueSize)}</span>
              </a>
            </li>
          ))}
        </ul>
      </section>
      <p class="detail" role="status">
        {count(rows.length)} keys{isComplete ? "" : " so far; more come as you scroll"}
      </p>
      {failure !== undefined && <Failure error={failure} again={more} />}
    </>
  );
}

interface Pages {
  readonly rows: readonly KeyValueEntry[];
  readonly isComplete: boolean;
  readonly isRunning: boolean;
  readonly failure: unknown;
}

/** Every page goes on behind the last one, by its token. */
function usePages(tenant: string, prefix: string): Pages & { more: () => void } {
  const [pages, setPages] = useState<Pages>({
    rows: [],
    isComplete: false,
    isRunning: false,
    failure: undefined,
  });
  const resumeToken = useRef(new Uint8Array());
  const abort = useRef(new AbortController());
  useEffect(() => () => abort.current.abort(), []);
  const more = async () => {
    setPages((before) => ({ ...before, isRunning: true, failure: undefined }));
    const fresh: KeyValueEntry[] = [];
    try {
      const request = {
        tenantId: tenant,
        prefix,
        keysOnly: true,
        limit: pageSize,
        resumeToken: resumeToken.current,
      };
      let token: Uint8Array = new Uint8Array();
      for await (const part of storage.scan(request, { signal: abort.current.signal })) {
        fresh.push(...part.entries);
        token = part.resumeToken;
      }
      resumeToken.current = new Uint8Array(token);
      setPages(({ rows }) => ({
        rows: [...rows, ...fresh],
        isComplete: token.length === 0,
        isRunning: false,
        failure: undefined,
      }));
    } catch (failure) {
      if (!abort.current.signal.aborted) setPages((before) => ({ ...before, isRunning: false, failure }));
    }
  };
  return { ...pages, more: () => void more() };
}
