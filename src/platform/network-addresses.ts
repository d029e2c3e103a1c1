/** The machine's addresses. */
import { networkInterfaces } from "node:os";

/** The first IPv4 address that others may reach, or IPv6 where there is none; undefined on a machine without a network. */
export function firstNetworkAddress(): string | undefined {
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  const reachable = addresses.filter(({ internal, address }) => !internal && !address.startsWith("fe80:"));
  return (reachable.find(({ family }) => family === "IPv4") ?? reachable[0])?.address;
}
