/** Another try where a node could not answer for the moment, so that a long comparison does not end for that. */
import { setTimeout as sleep } from "node:timers/promises";
import { StorageError } from "../../base/errors.ts";
import { explainCallFailure, type NodeConnection } from "../client.ts";

const maxVainTries = 6;
const firstWaitMs = 250;

export class Tries {
  readonly #connection: NodeConnection;
  #vainCount = 0;

  constructor(connection: NodeConnection) {
    this.#connection = connection;
  }

  /** Something has come of the last try. */
  hasSucceeded(): void {
    this.#vainCount = 0;
  }

  /** Waits until another try makes sense; throws the failure, explained, where none does. */
  async next(failure: unknown): Promise<void> {
    const error = explainCallFailure(failure, this.#connection.address);
    const mayPass =
      error instanceof StorageError && (error.code === "UNAVAILABLE" || error.code === "ABORTED");
    if (!mayPass || this.#vainCount === maxVainTries) throw error;
    await sleep(firstWaitMs * 2 ** this.#vainCount++);
  }
}

/** The answer of a call, from whichever try gives one. */
export async function withTries<T>(connection: NodeConnection, call: () => Promise<T>): Promise<T> {
  const tries = new Tries(connection);
  for (;;) {
    try {
      return await call();
    } catch (failure) {
      await tries.next(failure);
    }
  }
}
