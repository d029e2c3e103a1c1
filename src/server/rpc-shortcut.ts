/**
 * The short way of plain unary calls past the HTTP application, whose router and middleware take as long as the call.
 *
 * A request may take it that every guard of the application would let through without a word: a POST for a host that
 * is ours and from no page (no Origin). Everything else goes to the application, which says what is wrong.
 */
import type { ThinFetch } from "../rpc/thin-fetch.ts";

/** Hosts that were found to be ours; few, since whoever invents names gets no further than the application. */
const rememberedHostCount = 64;

/** Answers a request, or gives `undefined` where the application has to. */
export function rpcShortcut(
  isAllowedHost: (host: string) => boolean,
  thinRpc: ThinFetch,
): (request: Request) => Promise<Response> | undefined {
  const knownHosts = new Set<string>();
  const isOurs = (host: string): boolean => {
    if (knownHosts.has(host)) return true;
    if (!isAllowedHost(host)) return false;
    if (knownHosts.size < rememberedHostCount) knownHosts.add(host);
    return true;
  };
  return (request) => {
    if (request.method !== "POST") return undefined;
    const { headers, url } = request;
    const host = headers.get("host");
    if (host === null || !isOurs(host) || headers.has("origin")) return undefined;
    const pathStart = url.indexOf("/", "https://".length);
    return thinRpc(request, url.slice(pathStart));
  };
}
