/**
 * Whether a list of members fits the ring: every version that is spoken must be understood by all who are alive. One
 * that does not fit would make push/pull fail everywhere, so the whole list is refused.
 */
import { type Member, memberStates, versionIndexes } from "./member.ts";
import { type PushPullMember, versionsBytes } from "./wire/messages.ts";

type Voter = Pick<Member, "name" | "versions"> & { readonly isAlive: boolean };

interface Range {
  readonly what: string;
  readonly current: number;
  readonly lowest: number;
  readonly highest: number;
}

/** What does not fit, in words; `undefined` where everything does. */
export function disagreement(local: Iterable<Member>, remote: readonly PushPullMember[]): string | undefined {
  const voters: Voter[] = [...local].map((member) => ({ ...member, isAlive: member.state === "alive" }));
  for (const member of remote) voters.push({ ...member, isAlive: memberStates[member.state] === "alive" });
  const { lowest, highest, current, delegateLowest, delegateHighest, delegateCurrent } = versionIndexes;
  const ranges: Range[] = [
    { what: "protocol", current, ...understoodByAll(voters, lowest, highest) },
    {
      what: "delegate protocol",
      current: delegateCurrent,
      ...understoodByAll(voters, delegateLowest, delegateHighest),
    },
  ];
  for (const range of ranges) {
    const misfit = voters.find(({ versions }) => !isWithin(versions[range.current] ?? 0, range));
    if (misfit !== undefined) {
      const spoken = misfit.versions[range.current] ?? 0;
      return `${misfit.name} speaks ${range.what} version ${spoken}, and the ring takes ${range.lowest} to ${range.highest}`;
    }
  }
  return undefined;
}

function understoodByAll(voters: readonly Voter[], lowestIndex: number, highestIndex: number) {
  let lowest = 0;
  let highest = 255;
  for (const { isAlive, versions } of voters) {
    if (!isAlive || versions.length !== versionsBytes) continue;
    lowest = Math.max(lowest, versions[lowestIndex]!);
    highest = Math.min(highest, versions[highestIndex]!);
  }
  return { lowest, highest };
}

function isWithin(version: number, { lowest, highest }: Range): boolean {
  return version >= lowest && version <= highest;
}
