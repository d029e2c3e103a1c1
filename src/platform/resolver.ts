/** Names to addresses as the code sees it: injected, so that tests own it. */
import { lookup } from "node:dns/promises";

/** Addresses of a host, in text, as they are now; an address stands for itself. Rejects where there is none. */
export type Resolver = (host: string) => Promise<readonly string[]>;

export const systemResolver: Resolver = async (host) => {
  const found = await lookup(host, { all: true });
  return [...new Set(found.map(({ address }) => address))];
};
