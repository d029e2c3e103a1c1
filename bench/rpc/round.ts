/** One round: a load on a server that is believed only if the server counted exactly that. */
import { mainThreadUs, processorUs } from "../../test/support/load.ts";
import { probe } from "./probe.ts";
import { riseOf, type Server } from "./server.ts";
import { callValueBytes, type Work } from "./work.ts";

/** What a load generator saw. */
export interface Load {
  readonly callsPerSecond: number;
  /** Of all answers together. */
  readonly bodyBytes: number;
}

export type Generate<L extends Load> = (
  server: Pick<Server, "target">,
  work: Work,
  callCount: number,
) => Promise<L>;

export type Round<L extends Load> = L & {
  /** Of all threads. */
  readonly processorUsPerCall: number;
  readonly mainThreadUsPerCall: number;
};

/** Throws when the server counted anything else than these calls, or a value that was read has another size. */
export async function runRound<L extends Load>(
  server: Server,
  work: Work,
  callCount: number,
  generate: Generate<L>,
): Promise<Round<L>> {
  const answerBytes = bringsValues(work) ? await answerSize(server, work) : undefined;
  const before = await server.counts();
  const processorUsBefore = processorUs(server.pid);
  const mainThreadUsBefore = mainThreadUs(server.pid);
  const load = await generate(server, work, callCount);
  const processorUsPerCall = (processorUs(server.pid) - processorUsBefore) / callCount;
  const mainThreadUsPerCall = (mainThreadUs(server.pid) - mainThreadUsBefore) / callCount;
  server.verify(riseOf(before, await server.counts()), callCount);
  if (answerBytes !== undefined && load.bodyBytes !== callCount * answerBytes)
    throw new Error(`${callCount} answers of ${answerBytes} bytes came as ${load.bodyBytes} bytes`);
  return { ...load, processorUsPerCall, mainThreadUsPerCall };
}

function bringsValues({ operation }: Work): boolean {
  return operation === "read" || operation === "batch_read" || operation === "scan";
}

/** Of an answer that holds values of the right size. */
async function answerSize(server: Server, work: Work): Promise<number> {
  const body = await probe(server.target);
  const value = server.valueIn(body);
  const wantedBytes = callValueBytes(work);
  if (value.length !== wantedBytes)
    throw new Error(`an answer's values have ${value.length} bytes instead of ${wantedBytes}`);
  return body.length;
}
