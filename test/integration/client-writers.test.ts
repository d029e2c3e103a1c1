/**
 * Several TypeScript clients on a real node, which is killed while they write and started again, over transports that
 * lose requests and answers: what was acknowledged is there, and what was written at once is resolved.
 */
import { expect, test } from "bun:test";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { PairDb, type PairDbOptions, type Resolve } from "../../clients/typescript/src/index.ts";
import { grpcTransport } from "../../clients/typescript/src/node.ts";
import { webTransport } from "../../clients/typescript/src/web.ts";
import { Dice } from "../support/dice.ts";
import { startNode } from "../support/node-process.ts";

const seed = Number(process.env["CLIENT_SEED"] ?? Date.now() % 1_000_000);
const updatesPerWriter = 30;
const keys = ["a", "b", "c"];
const decoder = new TextDecoder();

const wordsOf = (text: string | undefined) => (text ?? "").split(" ").filter((word) => word !== "");
const union: Resolve = (siblings) =>
  [...new Set(siblings.flatMap(({ value }) => wordsOf(value && decoder.decode(value))))].sort().join(" ");

/** Loses one call in ten on its way there, and one in ten on its way back. */
function lossy(transport: Transport, dice: Dice): Transport {
  const lose = (): void => {
    if (dice.oneIn(10)) throw new ConnectError("lost", dice.pick([Code.Unavailable, Code.Aborted]));
  };
  return {
    stream: transport.stream.bind(transport),
    unary: async (...call) => {
      lose();
      const answer = await transport.unary(...call);
      lose();
      return answer;
    },
  };
}

test(`no acknowledged write is lost, and siblings are resolved (CLIENT_SEED=${seed})`, async () => {
  const dice = new Dice(seed);
  let node = await startNode();
  const port = String(node.grpcPort);
  const httpPort = String(node.httpPort);
  const transports = [0, 1, 2].map(() => grpcTransport(`http://127.0.0.1:${port}`));
  const open = (writerId: string, transport: Transport, options: Partial<PairDbOptions> = {}) =>
    new PairDb({
      transport: lossy(transport, dice),
      tenantId: "t",
      writerId,
      resolve: union,
      timeoutMs: 60_000,
      ...options,
    });
  const writers = [
    open("w0", transports[0]!),
    open("w1", transports[1]!, { batching: true }),
    open("w2", webTransport(`http://127.0.0.1:${httpPort}`)),
    open("w3", transports[2]!, { batching: true }),
  ];

  const acknowledged = new Map(keys.map((key) => [key, new Set<string>()]));
  let updateCount = 0;
  const halfWay = Promise.withResolvers<void>();
  const write = async (writer: number): Promise<void> => {
    for (let number = 0; number < updatesPerWriter; number++) {
      const key = dice.pick(keys);
      const word = `${writer}.${number}`;
      // Two at once: they are of one client, and must not overwrite each other either.
      await Promise.all(
        [word, `${word}b`].map(async (each) => {
          await writers[writer]!.update(key, (current) => `${current?.text ?? ""} ${each}`);
          acknowledged.get(key)!.add(each);
        }),
      );
      await writers[writer]!.put(`own/${writer}/${number}`, word);
      if (++updateCount === (writers.length * updatesPerWriter) / 2) halfWay.resolve();
    }
  };
  const restart = async (): Promise<void> => {
    await halfWay.promise;
    await node.kill();
    const args = ["--grpc-port", port, "--http-port", httpPort];
    node = await startNode({ dataDirectory: node.dataDirectory, args });
  };
  await Promise.all([...writers.keys()].map(write).concat(restart()));

  const reader = open("reader", transports[0]!);
  for (const key of keys) {
    const words = new Set(wordsOf((await reader.get(key))?.text));
    expect([...acknowledged.get(key)!].filter((word) => !words.has(word))).toEqual([]);
    await reader.update(key, (current) => current?.text);
    expect((await reader.get(key))?.siblings).toEqual([]);
  }
  const own: string[] = [];
  for await (const { key, value } of reader.scan({ prefix: "own/" })) {
    expect(key).toBe(`own/${decoder.decode(value).replace(".", "/")}`);
    own.push(key);
  }
  expect(new Set(own).size).toBe(writers.length * updatesPerWriter);
  expect(own.length).toBe(writers.length * updatesPerWriter);
  for (const transport of transports) transport.close();
});
