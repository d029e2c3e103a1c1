/**
 * The same generated calls on both HTTP/2 servers: each must answer as the other does, and do the same inside.
 *
 * DIFFERENTIAL_CALLS plays more of them, DIFFERENTIAL_SEED=N one alone.
 */
import { describe, expect, test } from "bun:test";
import {
  fieldOf,
  type GeneratedCall,
  generateCall,
  hasExpired,
  isAuthorityMissing,
  isMalformed,
} from "../support/differential/generated-call.ts";
import { CallRunner, type Outcome, type SeenAnswer } from "../support/differential/run-call.ts";
import { startCompared } from "../support/differential/servers.ts";

const callCount = Number(process.env["DIFFERENTIAL_CALLS"] ?? 400);
const onlySeed = process.env["DIFFERENTIAL_SEED"];

/** A way in which the servers differ on purpose. */
interface Difference {
  readonly what: string;
  readonly concerns: (call: GeneratedCall) => boolean;
  /** What still has to agree. */
  readonly reduce: (outcome: Outcome, server: "native" | "node") => Outcome;
}

const every = () => true;

const differences: readonly Difference[] = [
  {
    what: "the thin road tells a failure by trailers alone, node:http2 by headers and trailers with nothing between",
    concerns: every,
    reduce: onAnswer((answer) =>
      answer.body === "" && "grpc-status" in { ...answer.headers, ...answer.trailers }
        ? { ...answer, headers: { ...answer.headers, ...answer.trailers }, trailers: {} }
        : answer,
    ),
  },
  {
    what: "the bridge names the encoding that it could have used, the thin road one that it uses",
    concerns: every,
    reduce: onAnswer((answer) => (isCompressed(answer) ? answer : without(answer, "grpc-encoding"))),
  },
  {
    what: "node:http2 announces the length of short answers",
    concerns: every,
    reduce: onAnswer((answer) => without(answer, "content-length")),
  },
  {
    what: "node:http2 keeps the first of repeated fields that HTTP/1 has once, and joins none with an empty value",
    concerns: hasRepeatedFields,
    reduce: onAnswer((answer) => ({ ...answer, headers: {}, trailers: {}, body: "" })),
  },
  {
    what: "a field with blanks at its ends, a path with a fragment: malformed (RFC 9113, section 8.2.1); node:http2 lets them pass",
    concerns: (call) => isMalformed(call.fields),
    reduce: (outcome, server) => {
      if (server === "native" && outcome.answer !== undefined) {
        expect([outcome.answer.reset, outcome.reports]).toEqual(["PROTOCOL_ERROR", []]);
      }
      return nothing(outcome);
    },
  },
  {
    what: "an authority that is none is answered by 400; node:http2 resets the stream of some",
    concerns: (call) => isAuthorityMissing(call.fields),
    reduce: (outcome, server) => {
      if (server === "native" && outcome.answer !== undefined) expect(outcome.answer.status).toBe("400");
      return nothing(outcome);
    },
  },
  {
    what: "Connect's adapter and Hono's take what stands between // and / in a path for a host",
    concerns: (call) => fieldOf(call.fields, ":path").startsWith("//"),
    reduce: nothing,
  },
  {
    what: "whether an answer is quicker than a deadline that passes as the call arrives",
    concerns: (call) => hasExpired(call.fields),
    reduce: nothing,
  },
  {
    what: "where the message is none and another follows, either is told",
    concerns: hasBytesAfterMessage,
    reduce: (outcome) => ({
      ...onAnswer(onlyWhetherItFailed)(outcome, "native"),
      reports: outcome.reports.map(onlyWhetherItWentWell),
    }),
  },
  {
    what: "a message of which the prefix alone came is incomplete; Connect calls it missing",
    concerns: ({ pieces }) => Buffer.concat(pieces).length === 5,
    reduce: onAnswer((answer) => without(without(answer, "grpc-message"), "grpc-status-details-bin")),
  },
  {
    what: "of a caller who leaves in the middle of its request: the bridge may have found something wrong with it before",
    concerns: ({ cancelAfterFrames, pieces }) =>
      cancelAfterFrames !== undefined && cancelAfterFrames <= pieces.length,
    reduce: (outcome) => ({ ...outcome, reports: outcome.reports.map(onlyWhetherItWentWell) }),
  },
  {
    what: "how far ahead of a caller who does not read",
    concerns: (call) => call.isHeldBack,
    reduce: (outcome) => ({ ...outcome, reports: outcome.reports.map((line) => line.replace(/ \d+$/, "")) }),
  },
];

function onAnswer(reduce: (answer: SeenAnswer) => SeenAnswer): Difference["reduce"] {
  return (outcome) => ({
    ...outcome,
    answer: outcome.answer === undefined ? undefined : reduce(outcome.answer),
  });
}

function without(answer: SeenAnswer, name: string): SeenAnswer {
  const { [name]: _, ...headers } = answer.headers;
  return { ...answer, headers };
}

function onlyWhetherItWentWell(report: string): string {
  return report.replace(/ (?!OK )[A-Z_]+ /, " failed ");
}

function onlyWhetherItFailed(answer: SeenAnswer): SeenAnswer {
  const { status, headers, trailers } = answer;
  const isOk = { ...headers, ...trailers }["grpc-status"] === "0";
  return { status, headers: {}, trailers: {}, body: isOk ? answer.body : "failed", reset: answer.reset };
}

function nothing(outcome: Outcome): Outcome {
  return { ...outcome, answer: undefined, reports: [] };
}

function isCompressed(answer: SeenAnswer): boolean {
  return Buffer.from(answer.body, "base64")[0] === 1;
}

function hasRepeatedFields({ fields }: GeneratedCall): boolean {
  const names = fields.map(([name]) => name);
  const repeated = names.filter((name, index) => names.indexOf(name) < index);
  const once = new Set(["authorization", "user-agent"]);
  return repeated.some(
    (name) => once.has(name) || fields.some(([other, value]) => other === name && value === ""),
  );
}

function hasBytesAfterMessage({ pieces }: GeneratedCall): boolean {
  const body = Buffer.concat(pieces);
  return body.length > 5 && body.length - 5 > body.readUInt32BE(1);
}

/** Plays calls with these seeds, and throws at the first that differs. */
async function compare(seeds: Iterable<number>, compressReplies: boolean): Promise<void> {
  const servers = await Promise.all([
    startCompared("native", compressReplies),
    startCompared("node", compressReplies),
  ]);
  const runners = servers.map((server) => new CallRunner(server));
  try {
    for (const seed of seeds) await compareOne(seed, runners as [CallRunner, CallRunner]);
  } finally {
    for (const runner of runners) runner.close();
    for (const { listener } of servers) listener.destroy();
  }
}

async function compareOne(seed: number, [native, node]: readonly [CallRunner, CallRunner]): Promise<void> {
  const call = generateCall(seed);
  const outcomes = await Promise.all([native.run(call), node.run(call)]);
  const applied = differences.filter(({ concerns }) => concerns(call));
  const reduced = (["native", "node"] as const).map((server, index) =>
    applied.reduce((outcome, { reduce }) => reduce(outcome, server), outcomes[index]!),
  );
  if (Bun.deepEquals(reduced[0], reduced[1])) return;
  console.error(`DIFFERENTIAL_SEED=${seed}`, call.fields, {
    ...call,
    fields: undefined,
    pieces: call.pieces.length,
  });
  expect(reduced[0]).toEqual(reduced[1]!);
}

describe.each([
  ["answers as they are", false],
  ["compressed answers", true],
] as const)("%s", (_, compressReplies) => {
  const seeds =
    onlySeed === undefined ? Array.from({ length: callCount }, (_, seed) => seed) : [Number(onlySeed)];
  test(`${seeds.length} calls`, () => compare(seeds, compressReplies), 3_600_000);
});
