/**
 * A client of the soak, in a process of its own: writes, deletes and reads with many calls in flight, remembers what
 * was acknowledged, and checks it each time that the node serves again.
 */
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { ErrorCode, StorageNodeService } from "../../src/gen/storage/storage_node_pb.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { below } from "../support/random-operations.ts";
import type { StorageClient } from "../support/rpc-clients.ts";
import { Expectations } from "./expectations.ts";
import type { ClientReport, ClientSettings, FromClient, ToClient } from "./messages.ts";

/** Keys that are read at each start although nothing was written to them meanwhile. */
const sampleCount = 300;
const callTimeoutMs = 30_000;
const mostProblems = 10;

class SoakClient {
  readonly #settings: ClientSettings;
  readonly #expectations: Expectations;
  readonly #random;
  /** Keys with a call under way. */
  readonly #busy = new Set<number>();
  readonly #problems: string[] = [];
  #acknowledgedCount = 0;
  #refusedCount = 0;
  #verifiedCount = 0;

  constructor(settings: ClientSettings) {
    this.#settings = settings;
    this.#random = seededRandom(settings.seed);
    this.#expectations = new Expectations("key-", settings.keyCount);
  }

  /** Ends when the node does. */
  async workOn(address: string): Promise<ClientReport> {
    const endedBy = await this.#with(address, async (client) => {
      const sample = Array.from({ length: sampleCount }, () => this.#anyKey());
      await this.#check(client, [...new Set([...this.#expectations.unconfirmed, ...sample])]);
      tell({ kind: "checked" });
      await this.#inParallel(async () => {
        while (this.#problems.length === 0) await this.#step(client);
      });
    });
    return this.#report(endedBy);
  }

  async checkAll(address: string): Promise<ClientReport> {
    const endedBy = await this.#with(address, async (client) => {
      await this.#check(
        client,
        Array.from({ length: this.#settings.keyCount }, (_, index) => index),
      );
      await this.#compareScan(client);
    });
    return this.#report(endedBy);
  }

  /** Gives what it was ended by; `undefined` where it came to its end. */
  async #with(address: string, use: (client: StorageClient) => Promise<void>): Promise<string | undefined> {
    const baseUrl = `http://${address}`;
    const sessionManager = new Http2SessionManager(baseUrl);
    const transport = createGrpcTransport({ baseUrl, sessionManager, defaultTimeoutMs: callTimeoutMs });
    try {
      await use(createClient(StorageNodeService, transport));
      return undefined;
    } catch (error) {
      if (!isGone(error)) this.#problem(String(error));
      return String(error);
    } finally {
      sessionManager.abort();
      this.#busy.clear();
    }
  }

  /** As many workers as calls may be in flight; ends with all of them, by the first error. */
  async #inParallel(work: () => Promise<void>): Promise<void> {
    const workers = Array.from({ length: this.#settings.workerCount }, work);
    for (const outcome of await Promise.allSettled(workers)) {
      if (outcome.status === "rejected") throw outcome.reason;
    }
  }

  async #check(client: StorageClient, indexes: number[]): Promise<void> {
    await this.#inParallel(async () => {
      for (let index = indexes.pop(); index !== undefined; index = indexes.pop()) {
        await this.#read(client, index);
      }
    });
  }

  async #step(client: StorageClient): Promise<void> {
    const index = this.#anyKey();
    if (this.#busy.has(index)) return new Promise((resolve) => setImmediate(resolve));
    this.#busy.add(index);
    const choice = below(this.#random, 10);
    // What nobody knows is read before it is written again.
    if (choice < 2 || this.#expectations.isUnsure(index)) await this.#read(client, index);
    else if (choice < 4) await this.#delete(client, index);
    else await this.#write(client, index);
    this.#busy.delete(index);
  }

  async #read(client: StorageClient, index: number): Promise<void> {
    const { success, value, errorCode, errorMessage } = await client.read({
      tenantId: this.#settings.tenant,
      key: this.#expectations.keyOf(index),
    });
    if (!success && errorCode !== ErrorCode.KEY_NOT_FOUND) return this.#problem(errorMessage);
    this.#confirm(index, success ? new TextDecoder().decode(value) : undefined);
  }

  async #write(client: StorageClient, index: number): Promise<void> {
    const version = this.#expectations.beginWrite(index);
    const value = new TextEncoder().encode(this.#expectations.textOf(index, version)!);
    const { tenant: tenantId } = this.#settings;
    const call = client.write({ tenantId, key: this.#expectations.keyOf(index), value });
    await this.#settle(index, call);
  }

  async #delete(client: StorageClient, index: number): Promise<void> {
    this.#expectations.beginDelete(index);
    const { tenant: tenantId } = this.#settings;
    await this.#settle(index, client.delete({ tenantId, key: this.#expectations.keyOf(index) }));
  }

  async #settle(
    index: number,
    call: Promise<{ readonly success: boolean; readonly errorMessage: string }>,
  ): Promise<void> {
    try {
      const { success, errorMessage } = await call;
      if (!success) return this.#problem(errorMessage);
      this.#expectations.acknowledge(index);
      this.#acknowledgedCount++;
    } catch (error) {
      if (ConnectError.from(error).code !== Code.ResourceExhausted) throw error;
      this.#refusedCount++;
    }
  }

  /** Every key once more in a scan, and no other one. */
  async #compareScan(client: StorageClient): Promise<void> {
    const found = new Map<string, string>();
    const decoder = new TextDecoder();
    for await (const { entries } of client.scan({ tenantId: this.#settings.tenant })) {
      for (const { key, value } of entries) found.set(key, decoder.decode(value));
    }
    for (let index = 0; index < this.#settings.keyCount; index++) {
      const key = this.#expectations.keyOf(index);
      this.#confirm(index, found.get(key));
      found.delete(key);
    }
    for (const key of found.keys()) this.#problem(`${key}: expected nothing, found a record`);
  }

  #confirm(index: number, found: string | undefined): void {
    this.#verifiedCount++;
    const problem = this.#expectations.confirm(index, found);
    if (problem !== undefined) this.#problem(problem);
  }

  #problem(message: string): void {
    if (this.#problems.length < mostProblems) this.#problems.push(message);
  }

  #anyKey(): number {
    return below(this.#random, this.#settings.keyCount);
  }

  #report(endedBy: string | undefined): ClientReport {
    return {
      endedBy,
      acknowledgedCount: this.#acknowledgedCount,
      refusedCount: this.#refusedCount,
      verifiedCount: this.#verifiedCount,
      problems: this.#problems,
    };
  }
}

/** What a call fails with when its connection ends; the soak knows whether it should have ended. */
function isGone(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return [Code.Unavailable, Code.Aborted, Code.Canceled, Code.Internal, Code.Unknown].includes(code);
}

let client: SoakClient | undefined;

function tell(message: FromClient): void {
  process.send!(message);
}

process.on("message", async (message: ToClient) => {
  if (message.kind === "begin") {
    client = new SoakClient(message.settings);
    return;
  }
  const { address } = message;
  const report = await (message.kind === "serving" ? client!.workOn(address) : client!.checkAll(address));
  tell({ kind: "ended", report });
});
