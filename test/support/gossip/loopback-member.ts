/** Members on loopback ports, for tests against each other and against real peers. */
import type { Endpoint } from "../../../src/gossip/endpoint.ts";
import { GossipNode, type GossipNodeSettings } from "../../../src/gossip/gossip-node.ts";
import { NetworkTransport } from "../../../src/gossip/network/network-transport.ts";
import type { GossipObserver } from "../../../src/gossip/observer.ts";
import { defaultLimits, defaultTiming } from "../../../src/gossip/settings.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemRandom } from "../../../src/platform/random.ts";

export interface LoopbackMember {
  readonly node: GossipNode;
  readonly endpoint: Endpoint;
  /** The events that it told, as `kind name`. */
  readonly events: string[];
  /** Messages and states of others' applications. */
  readonly messages: string[];
  /** What others are told in a push/pull. */
  state: Uint8Array;
  /** Joins whoever listens there; rejects with why it could not. */
  join(port: number): Promise<void>;
  leave(): Promise<void>;
  /** Ends without a word. */
  kill(): void;
}

const loopback = Uint8Array.of(127, 0, 0, 1);

export async function startMember(
  name: string,
  options: Partial<GossipNodeSettings> = {},
  clock = systemClock,
): Promise<LoopbackMember> {
  const { streamTimeoutMs } = options.timing ?? defaultTiming;
  const transport = await NetworkTransport.open({
    host: "127.0.0.1",
    port: options.port ?? 0,
    clock,
    streamTimeoutMs,
  });
  const endpoint = { address: loopback, port: transport.port };
  const events: string[] = [];
  const messages: string[] = [];
  const settings: GossipNodeSettings = {
    name,
    meta: new Uint8Array(0),
    delegateVersions: [0, 0, 0],
    label: "",
    keyring: undefined,
    compresses: true,
    timing: defaultTiming,
    limits: defaultLimits,
    ...options,
    ...endpoint,
  };
  const node = new GossipNode(settings, {
    clock,
    random: systemRandom,
    transport,
    observer: eventsInto(events),
    delegate: {
      localState: () => member.state,
      mergeRemoteState: (state) => messages.push(Buffer.from(state).toString()),
      messageReceived: (message) => messages.push(Buffer.from(message).toString()),
    },
  });
  transport.attach(node);
  node.start();
  const kill = () => {
    node.stop();
    transport.close();
  };
  const member: LoopbackMember = {
    state: new Uint8Array(0),
    node,
    endpoint,
    events,
    messages,
    kill,
    join: (port) =>
      new Promise((resolve, reject) => {
        node.join({ address: loopback, port }, (failure) =>
          failure === undefined ? resolve() : reject(new Error(failure)),
        );
      }),
    leave: () => new Promise((resolve) => node.leave(5000, resolve)),
  };
  return member;
}

function eventsInto(events: string[]): GossipObserver {
  const note = (kind: string) => (about: { readonly name: string }) => {
    events.push(`${kind} ${about.name}`);
  };
  return {
    memberJoined: note("joined"),
    memberUpdated: note("updated"),
    memberSuspected: note("suspected"),
    memberFailed: note("failed"),
    memberLeft: note("left"),
    nameTaken: note("name taken"),
    packetsLost: note("packets lost"),
    refuted: (incarnation) => events.push(`refuted ${incarnation}`),
    refused: (refusal) => events.push(`refused ${refusal}`),
    messageReceived: () => undefined,
    messageSent: () => undefined,
  };
}

/** Waits until something holds; throws with `describe` where it does not in time. Returns how long it took. */
export async function waitUntil(
  holds: () => boolean | Promise<boolean>,
  timeoutMs: number,
  describe: () => unknown,
): Promise<number> {
  const startMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - startMs > timeoutMs) {
      throw new Error(`not within ${timeoutMs} ms: ${JSON.stringify(await describe())}`);
    }
    await Bun.sleep(50);
  }
  return performance.now() - startMs;
}
