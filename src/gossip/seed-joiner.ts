/**
 * Brings a member into its ring, and back into it.
 *
 * Seeds are looked up anew at each try, since a name may stand for other addresses each time (a headless service), and
 * all their addresses are joined. While the member is alone it tries often; else now and then, and only addresses at
 * which nobody is known to be alive: after a long partition both sides have forgotten each other, and only so they meet.
 */
import { messageOf } from "../base/errors.ts";
import { endpointText, parseAddress } from "../base/ip-address.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Resolver } from "../platform/resolver.ts";
import { type Endpoint, isSameEndpoint } from "./endpoint.ts";
import type { GossipNode } from "./gossip-node.ts";

export interface SeedObserver {
  /** A ring was joined through this address; `memberCount` are alive in it. */
  joined(through: Endpoint, memberCount: number): void;
  /** A seed cannot be looked up, or joined. Told once as long as the reason stays the same. */
  seedFailed(seed: string, reason: string): void;
}

export interface SeedJoinerOptions {
  /** `host:port`, or `host` with `defaultPort`. */
  readonly seeds: readonly string[];
  readonly defaultPort: number;
  readonly node: Pick<GossipNode, "join" | "members" | "self">;
  readonly resolve: Resolver;
  readonly clock: Clock;
  readonly observer: SeedObserver;
}

const aloneIntervalMs = 2000;
const togetherIntervalMs = 30_000;

/** Of one seed: a name that stands for more is joined through some of them. */
const maxAddressesOfSeed = 16;

export class SeedJoiner {
  readonly #options: SeedJoinerOptions;
  /** Of each seed, why it was not reached when it was tried last; "" where it was. */
  readonly #failures = new Map<string, string>();
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: SeedJoinerOptions) {
    this.#options = options;
  }

  /** Resolves after the first try, whatever came of it; further ones follow. */
  async start(): Promise<void> {
    await this.#tryAll();
    this.#plan();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** Whether a seed was not reached, so that there may be others. One that names but this member is. */
  get hasSilentSeeds(): boolean {
    return this.#options.seeds.some((seed) => this.#failures.get(seed) !== "");
  }

  #plan(): void {
    if (this.#isStopped || this.#options.seeds.length === 0) return;
    const delayMs = this.#alive().length > 1 ? togetherIntervalMs : aloneIntervalMs;
    this.#timer = this.#options.clock.after(delayMs, () => {
      void this.#tryAll().then(() => this.#plan());
    });
  }

  async #tryAll(): Promise<void> {
    await Promise.all(this.#options.seeds.map((seed) => this.#try(seed)));
  }

  async #try(seed: string): Promise<void> {
    const reasons: string[] = [];
    try {
      for (const endpoint of await this.#lookUp(seed)) {
        if (this.#isStopped || this.#alive().some((member) => isSameEndpoint(member, endpoint))) continue;
        const reason = await this.#join(endpoint);
        if (reason !== undefined) reasons.push(`${endpointText(endpoint)}: ${reason}`);
      }
    } catch (error) {
      reasons.push(messageOf(error));
    }
    if (!this.#isStopped) this.#tell(seed, reasons.join("; "));
  }

  #tell(seed: string, reason: string): void {
    if (reason !== "" && this.#failures.get(seed) !== reason) this.#options.observer.seedFailed(seed, reason);
    this.#failures.set(seed, reason);
  }

  async #lookUp(seed: string): Promise<Endpoint[]> {
    const { host, port } = splitSeed(seed, this.#options.defaultPort);
    const addresses = parseAddress(host) === undefined ? await this.#options.resolve(host) : [host];
    return addresses.slice(0, maxAddressesOfSeed).flatMap((text) => {
      const address = parseAddress(text);
      return address === undefined ? [] : [{ address, port }];
    });
  }

  #join(endpoint: Endpoint): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#options.node.join(endpoint, (failure) => {
        if (failure === undefined) this.#options.observer.joined(endpoint, this.#alive().length);
        resolve(failure);
      });
    });
  }

  #alive() {
    return this.#options.node.members.filter(({ state }) => state === "alive");
  }
}

/** `host`, `host:port`, `[v6]:port` or an IPv6 address alone. */
export function splitSeed(seed: string, defaultPort: number): { host: string; port: number } {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(seed);
  const plain = /^([^:]+)(?::(\d+))?$/.exec(seed);
  const [, host = seed, port] = bracketed ?? plain ?? [];
  return { host, port: port === undefined ? defaultPort : Number(port) };
}
