import { afterEach, describe, expect, test } from "bun:test";
import { NetworkTransport } from "../../../src/gossip/network/network-transport.ts";
import { Keyring } from "../../../src/gossip/wire/keyring.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemSecrets } from "../../../src/platform/secrets.ts";
import { type LoopbackMember, startMember, waitUntil } from "../../support/gossip/loopback-member.ts";

const started: LoopbackMember[] = [];

afterEach(() => {
  for (const member of started.splice(0)) member.kill();
});

async function start(...parameters: Parameters<typeof startMember>): Promise<LoopbackMember> {
  const member = await startMember(...parameters);
  started.push(member);
  return member;
}

/** Sends bytes over TCP, and gives what comes back until the other side closes. */
async function talk(port: number, bytes: Uint8Array): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  await new Promise<void>((resolve, reject) => {
    Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => void socket.write(bytes),
        data: (_, chunk) => void chunks.push(chunk.slice()),
        close: () => resolve(),
        connectError: (_, error) => reject(error),
      },
    }).catch(reject);
  });
  return Buffer.concat(chunks);
}

describe("on the network", () => {
  test("members join, hear of each other and of who leaves", async () => {
    const keyring = new Keyring([new Uint8Array(16).fill(1)], systemSecrets);
    const options = { keyring, label: "test", meta: new Uint8Array(400).fill(65) };
    const [a, b, c] = await Promise.all(["a", "b", "c"].map((name) => start(name, options)));
    await b!.join(a!.endpoint.port);
    await c!.join(a!.endpoint.port);
    const knowAll = () =>
      [a!, b!, c!].every(
        ({ node }) => node.members.every(({ state }) => state === "alive") && node.members.length === 3,
      );
    await waitUntil(knowAll, 60_000, () => [a!.events, b!.events, c!.events]);
    await c!.leave();
    await waitUntil(
      () => a!.events.includes("left c") && b!.events.includes("left c"),
      60_000,
      () => a!.events,
    );
    expect(a!.node.member("b")?.meta).toEqual(options.meta);
  });

  test("a packet to a port where nobody listens takes none of those after it along", async () => {
    const [a, gone] = [await start("a"), await start("gone")];
    gone.kill();
    const ping = Uint8Array.fromHex("0082a44e6f6465a161a55365714e6f07");
    const transport = await NetworkTransport.open({
      host: "127.0.0.1",
      port: 0,
      clock: systemClock,
      streamTimeoutMs: 1000,
    });
    const received: Uint8Array[] = [];
    transport.attach({
      receivePacket: (_, packet) => received.push(packet),
      streamReader: () => a.node.streamReader(),
      answerStream: () => undefined,
    });
    try {
      for (let round = 0; round < 50; round++) {
        transport.sendPacket(gone.endpoint, ping);
        transport.sendPacket(a.endpoint, ping);
      }
      await waitUntil(
        () => received.length === 50,
        60_000,
        () => received.length,
      );
    } finally {
      transport.close();
    }
  });

  test("a state that fills the socket's buffers arrives whole, either way", async () => {
    const [a, b] = [await start("a"), await start("b")];
    a.state = new Uint8Array(3_000_000).fill(65);
    b.state = new Uint8Array(2_000_000).fill(66);
    await b.join(a.endpoint.port);
    expect(a.messages.map(({ length }) => length)).toEqual([2_000_000]);
    expect(b.messages.map(({ length }) => length)).toEqual([3_000_000]);
  });

  test("a join fails where nobody listens, and says so", async () => {
    const [a, b] = [await start("a"), await start("b")];
    b.kill();
    await expect(a.join(b.endpoint.port)).rejects.toThrow(/ECONNREFUSED|Failed to connect|connect/i);
  });

  test("bytes that are no message end the connection, and disturb nothing", async () => {
    const a = await start("a");
    expect(await talk(a.endpoint.port, Uint8Array.of(0x7f, 1, 2, 3))).toEqual(Buffer.alloc(0));
    expect(a.events).toContain("refused malformed");
    const ping = Uint8Array.fromHex("0082a44e6f6465a161a55365714e6f07");
    expect((await talk(a.endpoint.port, ping)).toHex()).toBe("0282a75061796c6f6164c0a55365714e6f07");
  });

  test("a port that is taken is told", async () => {
    const a = await start("a");
    await expect(startMember("b", { port: a.endpoint.port })).rejects.toThrow(
      "cannot listen for gossip on 127.0.0.1",
    );
  });
});
