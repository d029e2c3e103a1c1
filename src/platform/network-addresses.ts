/** The machine's addresses. */
import { networkInterfaces } from "node:os";

/** Whether the address, in text, is one of this machine's. */
export function isAddressOfMachine(address: string): boolean {
  if (/^127\./.test(address)) return true;
  return Object.values(networkInterfaces()).some((entries) =>
    entries?.some((entry) => entry.address === address),
  );
}

/** The first IPv4 address that others may reach, or IPv6 where there is none; undefined on a machine without a network. */
export function firstNetworkAddress(): string | undefined {
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  const reachable = addresses.filter(({ internal, address }) => !internal && !address.startsWith("fe80:"));
  return (reachable.find(({ family }) => family === "IPv4") ?? reachable[0])?.address;
}
