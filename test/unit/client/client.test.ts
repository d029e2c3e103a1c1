/** The TypeScript client over a service in the same process. */
import { beforeEach, describe, expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  ConflictError,
  PairDb,
  PairDbError,
  type PairDbOptions,
  type Resolve,
  SiblingsError,
} from "../../../clients/typescript/src/index.ts";
import { type FakeService, fakeService } from "../../support/fake-service.ts";
import { failureOf } from "../../support/rpc-clients.ts";

let service: FakeService;
beforeEach(() => {
  service = fakeService();
});

function client(writerId: string, options: Partial<PairDbOptions> = {}): PairDb {
  return new PairDb({ transport: service.transport, tenantId: "t", writerId, ...options });
}

const decoder = new TextDecoder();

/** All parts of all siblings. */
const union: Resolve = (siblings) =>
  [...new Set(siblings.flatMap(({ value }) => (value ? decoder.decode(value).split(" ") : [])))]
    .sort()
    .join(" ");

function unavailable(): never {
  throw new ConnectError("not now", Code.Unavailable);
}

/** Two versions under one key, each by a client that has not seen the other. */
async function makeSiblings(key: string): Promise<void> {
  const clockOf = (nodeId: string) => [{ nodeId, timestamp: 1n }];
  await service.node.write("t", key, Buffer.from("one"), clockOf("x"));
  await service.node.write("t", key, Buffer.from("two"), clockOf("y"));
}

describe("single calls", () => {
  test("a value comes back with its clock, and is gone after its deletion", async () => {
    const db = client("w");
    const clock = await db.put("k", "héllo");
    const entry = await db.get("k");
    expect({ text: entry?.text, clock: entry?.clock, siblings: entry?.siblings }).toEqual({
      text: "héllo",
      clock,
      siblings: [],
    });
    expect([...clock.keys()]).toEqual(["w"]);
    await db.delete("k");
    expect(await db.get("k")).toBeUndefined();
    await db.put("k", "");
    expect((await db.get("k"))?.text).toBe("");
  });

  test("a put has seen what it overwrites: other writers' versions, siblings, deletions", async () => {
    await client("a").put("k", "first");
    await client("b").put("k", "second");
    expect(await client("c").get("k")).toMatchObject({ text: "second", siblings: [] });
    await client("b").delete("k");
    await client("a").put("k", "third");
    expect(await client("c").get("k")).toMatchObject({ text: "third", siblings: [] });
    await makeSiblings("s");
    expect((await client("a").get("s"))?.siblings).toHaveLength(2);
    await client("a").put("s", "alone");
    expect(await client("a").get("s")).toMatchObject({ text: "alone", siblings: [] });
  });

  test("seen: a change in between is a conflict that shows what is there, and nothing is written", async () => {
    const db = client("a");
    const seen = await db.put("k", "mine");
    const later = await db.put("k", "my later one", { seen });
    const failure = (await failureOf(db.put("k", "late", { seen }))) as ConflictError;
    expect(failure).toBeInstanceOf(ConflictError);
    expect({ code: failure.code, current: failure.current?.text }).toEqual({
      code: "CONFLICT",
      current: "my later one",
    });
    await db.delete("k", { seen: later });
    expect(((await failureOf(db.delete("k", { seen: later }))) as ConflictError).current).toBeUndefined();
  });

  test("putMany and getMany are one call each way", async () => {
    const db = client("a");
    await db.put("gone", "x");
    service.calls.length = 0;
    await db.putMany([
      ["k1", "1"],
      ["k2", Uint8Array.of(50)],
      ["gone", undefined],
    ]);
    const entries = await db.getMany(["k2", "gone", "k1", "k2"]);
    expect(entries.map((entry) => entry?.text)).toEqual(["2", undefined, "1", "2"]);
    expect(service.calls).toEqual(["BatchRead", "BatchWrite", "BatchRead"]);
  });

  test("a token is asked for before each call", async () => {
    let count = 0;
    const db = client("a", { token: async () => `t${++count}` });
    await db.get("k");
    await db.get("k");
    expect(service.context?.requestHeader.get("authorization")).toBe("Bearer t2");
    await client("a").get("k");
    expect(service.context?.requestHeader.get("authorization")).toBeNull();
  });
});

describe("update", () => {
  const append = (word: string) => (current: { text: string } | undefined) =>
    current === undefined ? word : `${current.text} ${word}`;

  test("changes of one client wait for each other", async () => {
    const db = client("a");
    await Promise.all(["x", "y", "z"].map((word) => db.update("k", append(word))));
    expect(await db.get("k")).toMatchObject({ text: "x y z", siblings: [] });
    expect(await db.update("k", () => undefined)).toBeUndefined();
    expect(await db.get("k")).toBeUndefined();
  });

  test("siblings are resolved, shown so, and written back", async () => {
    await makeSiblings("k");
    const db = client("a", { resolve: union });
    expect(await db.get("k")).toMatchObject({ text: "one two" });
    expect(await db.update("k", append("three"))).toMatchObject({ text: "one two three", siblings: [] });
    expect(await client("b").get("k")).toMatchObject({ text: "one two three", siblings: [] });
  });

  test("siblings that nobody resolves are not chosen among", async () => {
    await makeSiblings("k");
    const failure = (await failureOf(client("a").update("k", append("x")))) as SiblingsError;
    expect(failure).toBeInstanceOf(SiblingsError);
    expect(failure.siblings.map(({ value }) => decoder.decode(value)).sort()).toEqual(["one", "two"]);
    expect((await client("a").get("k"))?.siblings).toHaveLength(2);
  });

  test("a deletion beside a value is a sibling without one", async () => {
    const db = client("a");
    const seen = await db.put("k", "v");
    await service.node.delete("t", "k", [
      { nodeId: "a", timestamp: seen.get("a")! },
      { nodeId: "x", timestamp: 1n },
    ]);
    await service.node.write("t", "k", Buffer.from("w"), [
      { nodeId: "a", timestamp: seen.get("a")! },
      { nodeId: "y", timestamp: 1n },
    ]);
    const values: (string | undefined)[] = [];
    const deleting: Resolve = (siblings) => {
      values.push(...siblings.map(({ value }) => value && decoder.decode(value)));
      return undefined;
    };
    expect(await client("b", { resolve: deleting }).get("k")).toBeUndefined();
    expect(values.sort()).toEqual(["w", undefined]);
  });

  test("what others write meanwhile is resolved and written back", async () => {
    const other = client("b");
    const db = client("a", { resolve: union });
    await db.put("k", "base");
    const result = await db.update("k", async (current) => {
      await other.put("k", "theirs");
      return `${current?.text} ours`;
    });
    expect(result?.text).toBe("base ours theirs");
    expect(await other.get("k")).toMatchObject({ text: "base ours theirs", siblings: [] });
  });

  test("without resolve, what others write meanwhile stays beside it", async () => {
    await client("a").update("k", async () => {
      await client("b").put("k", "theirs");
      return "ours";
    });
    expect((await client("a").get("k"))?.siblings).toHaveLength(2);
  });
});

describe("failures", () => {
  test("a lost request or answer is repeated, and a write is stored once", async () => {
    const db = client("a");
    for (const moment of ["request", "answer"] as const) {
      for (const code of [Code.Unavailable, Code.Aborted, Code.Unknown, Code.Internal]) {
        let remaining = 2;
        service.fault = (method, at) => {
          if (method === "Write" && at === moment && remaining-- > 0) throw new ConnectError("cut", code);
        };
        await db.put(`${moment} ${code}`, "v");
        expect(remaining).toBe(-1);
        expect(await db.get(`${moment} ${code}`)).toMatchObject({ text: "v", siblings: [] });
      }
    }
  });

  test("a repeated write whose version was overwritten meanwhile counts as written", async () => {
    let isLost = false;
    service.fault = async (method, moment) => {
      if (method !== "Write" || moment !== "answer" || isLost) return;
      isLost = true;
      await client("b").put("k", "after");
      unavailable();
    };
    const clock = await client("a").put("k", "before");
    expect([...clock.keys()].sort()).toEqual(["a", "b"]);
    expect(await client("a").get("k")).toMatchObject({ text: "after", siblings: [] });
  });

  test("two clients under one writer's id are found out", async () => {
    service.fault = async (method, moment) => {
      if (method !== "Write" || moment !== "request") return;
      service.fault = () => undefined;
      // Numbers are taken from the time in milliseconds.
      for (const start = Date.now(); Date.now() === start; ) await Bun.sleep(1);
      await client("same").put("k", "the other");
    };
    const late = client("same").put("k", "lost");
    expect(await failureOf(late)).toMatchObject({ code: "WRITER_ID_SHARED" });
  });

  test("the last failure is thrown when the deadline is too near for another try", async () => {
    service.fault = unavailable;
    const failure = await failureOf(client("a").get("k", { timeoutMs: 100 }));
    expect(failure).toBeInstanceOf(PairDbError);
    expect(failure).toMatchObject({ code: "UNAVAILABLE", message: "not now" });
    expect(service.calls.length).toBeGreaterThan(1);
  });

  test("a call that hangs ends at its deadline", async () => {
    service.fault = () => new Promise(() => undefined);
    expect(await failureOf(client("a").get("k", { timeoutMs: 50 }))).toMatchObject({
      code: "DEADLINE_EXCEEDED",
    });
  });

  test("refusals are not repeated", async () => {
    for (const code of [
      Code.InvalidArgument,
      Code.PermissionDenied,
      Code.ResourceExhausted,
      Code.Unimplemented,
    ]) {
      service.calls.length = 0;
      service.fault = () => {
        throw new ConnectError("no", code);
      };
      expect(await failureOf(client("a").get("k"))).toBeInstanceOf(PairDbError);
      expect(service.calls).toEqual(["Read"]);
    }
  });

  const hints: [string, (error: ConnectError) => void][] = [
    ["grpc-retry-pushback-ms", ({ metadata }) => metadata.set("grpc-retry-pushback-ms", "1500")],
    ["retry-after", ({ metadata }) => metadata.set("retry-after", "2")],
    // retry_delay { seconds: 1, nanos: 5,000,000 }
    [
      "google.rpc.RetryInfo",
      ({ details }) =>
        details.push({
          type: "google.rpc.RetryInfo",
          value: Uint8Array.of(10, 7, 8, 1, 16, 192, 150, 177, 2),
        }),
    ],
  ];

  test.each(hints)(
    "a refusal with %s is repeated, if the deadline allows, not before that time",
    async (_, hint) => {
      let remaining = 1;
      service.fault = () => {
        if (remaining-- <= 0) return;
        const error = new ConnectError("slow down", Code.ResourceExhausted);
        hint(error);
        throw error;
      };
      expect(await client("a").get("k")).toBeUndefined();
      expect(service.calls).toEqual(["Read", "Read"]);
      remaining = 1;
      const failure = await failureOf(client("a").get("k", { timeoutMs: 900 }));
      expect(failure).toMatchObject({ code: "RESOURCE_EXHAUSTED" });
      expect(service.calls).toEqual(["Read", "Read", "Read"]);
    },
  );

  test("a signal ends the call and its retries", async () => {
    const abort = new AbortController();
    service.fault = () => {
      abort.abort();
      unavailable();
    };
    expect(await failureOf(client("a").get("k", { signal: abort.signal }))).toBeInstanceOf(PairDbError);
    expect(service.calls).toEqual(["Read"]);
  });
});

describe("batching", () => {
  test("calls of one turn travel together, up to the limits", async () => {
    const db = client("a", { batching: { maxEntries: 4 } });
    const keys = Array.from({ length: 10 }, (_, index) => `k${index}`);
    await Promise.all(keys.map((key) => db.put(key, key)));
    expect(service.calls.filter((method) => method === "BatchWrite")).toHaveLength(3);
    expect(service.calls).not.toContain("Write");
    service.calls.length = 0;
    const entries = await Promise.all(keys.map((key) => db.get(key)));
    expect(entries.map((entry) => entry?.text)).toEqual(keys);
    expect(service.calls).toEqual(["BatchRead", "BatchRead", "BatchRead"]);
    service.calls.length = 0;
    await db.get("k1");
    expect(service.calls).toEqual(["Read"]);
  });

  test("bytes bound a batch too, and a call with a signal goes alone", async () => {
    const db = client("a", { batching: { maxBytes: 100 } });
    await Promise.all(["x", "y", "z"].map((key) => db.put(key, "v".repeat(60))));
    expect(service.calls.filter((method) => /Write/.test(method))).toEqual(["Write", "Write", "Write"]);
    service.calls.length = 0;
    const { signal } = new AbortController();
    await Promise.all([db.get("x"), db.get("y", { signal }), db.get("z")]);
    expect(service.calls.sort()).toEqual(["BatchRead", "Read"]);
  });

  test("a batch that fails is sent call by call, so that one bad key fails alone", async () => {
    const db = client("a", { batching: true });
    const results = await Promise.allSettled(["good", "bad\u0001", "fine"].map((key) => db.put(key, "v")));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await db.get("fine")).toMatchObject({ text: "v", siblings: [] });
  });

  test("a node without batches does as well", async () => {
    service.fault = (method) => {
      if (method.startsWith("Batch")) throw new ConnectError("unknown method", Code.Unimplemented);
    };
    const db = client("a", { batching: true });
    await Promise.all([db.put("k", "1"), db.put("l", "2")]);
    expect((await Promise.all([db.get("k"), db.get("l")])).map((entry) => entry?.text)).toEqual(["1", "2"]);
  });
});

describe("scan", () => {
  const keys = ["a", "b", "c/1", "c/2", "d"];

  async function scanned(db: PairDb, ...[range, settings]: Parameters<PairDb["scan"]>): Promise<string[]> {
    const found: string[] = [];
    for await (const { key } of db.scan(range, settings)) found.push(key);
    return found;
  }

  beforeEach(() => client("a").putMany(keys.map((key) => [key, `value of ${key}`])));

  test("ranges, prefixes and limits", async () => {
    const db = client("a");
    expect(await scanned(db)).toEqual(keys);
    expect(await scanned(db, { start: "b", end: "c/2" })).toEqual(["b", "c/1"]);
    expect(await scanned(db, { prefix: "c/" })).toEqual(["c/1", "c/2"]);
    expect(await scanned(db, { limit: 3 })).toEqual(keys.slice(0, 3));
    expect(await scanned(db, { limit: 0 })).toEqual([]);
    for await (const { value, clock } of db.scan({ limit: 1 })) {
      expect(decoder.decode(value)).toBe("value of a");
      expect([...clock.keys()]).toEqual(["a"]);
    }
    for await (const { value } of db.scan({ keysOnly: true })) expect(value).toHaveLength(0);
  });

  test.each([Code.Unavailable, Code.Aborted, Code.Unknown])(
    "goes on where the stream broke, wherever that was (code %p)",
    async (code) => {
      for (let breakAt = 0; breakAt <= keys.length; breakAt++) {
        for (const limit of [undefined, 4, 5, 9]) {
          let isBroken = false;
          service.scanFault = (number) => {
            if (number !== breakAt || isBroken) return;
            isBroken = true;
            throw new ConnectError("cut", code);
          };
          const range = limit === undefined ? {} : { limit };
          expect(await scanned(client("a"), range)).toEqual(keys.slice(0, limit));
        }
      }
    },
  );

  test("ends with the failure when no part of it comes in time", async () => {
    service.scanFault = (number) => (number === 2 ? new Promise(() => undefined) : undefined);
    const found: string[] = [];
    const failing = (async () => {
      for await (const { key } of client("a").scan({}, { timeoutMs: 50 })) found.push(key);
    })();
    expect(await failureOf(failing)).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(found).toEqual(["a", "b"]);
  });

  test("can be left, and can be cancelled", async () => {
    for await (const { key } of client("a").scan()) {
      expect(key).toBe("a");
      break;
    }
    const abort = new AbortController();
    const failing = (async () => {
      for await (const _ of client("a").scan({}, { signal: abort.signal })) abort.abort();
    })();
    expect(await failureOf(failing)).toBeInstanceOf(PairDbError);
  });
});
