import { Administration } from "../../src/node/administration/administration.ts";
import { DiskGuard } from "../../src/node/disk-guard.ts";
import { type ActiveStream, Drain } from "../../src/node/drain.ts";
import { type NodeObserver, silentNodeObserver } from "../../src/node/node-observer.ts";
import { StorageNode, type StorageNodeOptions } from "../../src/node/storage-node.ts";
import { FakeAdministeredStore } from "./fake-administered-store.ts";
import { ManualClock } from "./manual-clock.ts";

export const gcGraceMs = 10 * 24 * 3_600_000;

export interface TestNode {
  readonly node: StorageNode;
  readonly store: FakeAdministeredStore;
  readonly administration: Administration;
  readonly clock: ManualClock;
  /** To other nodes, as draining sees them. */
  readonly streams: ActiveStream[];
  /** Calls of the observer, in order, as `[name, ...arguments]`. */
  readonly events: unknown[][];
  /** Sets the used share of the disk, in thousandths. */
  fillDisk(thousandths: number): void;
}

/** A node named `self` over a store in memory. */
export function testNode(options: Partial<StorageNodeOptions> = {}): TestNode {
  const store = new FakeAdministeredStore();
  const clock = new ManualClock();
  const events: unknown[][] = [];
  const observer = recordingObserver(events);
  let usedThousandths = 0;
  const diskGuard = new DiskGuard({
    maxDiskUsage: 0.9,
    clock,
    probe: () => ({ totalBytes: 1000, availableBytes: 1000 - usedThousandths }),
    onStateChange: observer.diskStateChanged,
  });
  const streams: ActiveStream[] = [];
  const drain = new Drain({ store, clock, activeStreams: () => streams });
  const node = new StorageNode(
    { store, diskGuard, drain, clock, observer },
    {
      nodeId: "self",
      limits: { maxSiblings: 10, maxRecordBytes: 16 << 20 },
      batchLimits: { maxEntries: 1000, maxBytes: 16 << 20 },
      staleWrite: "accept",
      gcGraceMs,
      ...options,
    },
  );
  const fillDisk = (thousandths: number): void => {
    usedThousandths = thousandths;
  };
  const administration = new Administration(store, { checkpointDirectory: "/checkpoints" });
  return { node, store, administration, clock, streams, events, fillDisk };
}

function recordingObserver(events: unknown[][]): NodeObserver {
  const observer = { ...silentNodeObserver };
  for (const name of Object.keys(observer) as (keyof NodeObserver)[]) {
    observer[name] = (...details: unknown[]) => {
      events.push([name, ...details]);
    };
  }
  return observer;
}
