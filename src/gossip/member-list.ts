/**
 * The members in the order in which they are probed.
 *
 * A new one comes to a random place, and after each pass the order is shuffled, so that every member is probed once
 * within two passes and yet nobody can tell when (SWIM's round robin over a shuffled list).
 */
import type { Random } from "../platform/random.ts";
import type { Member, MutableMember } from "./member.ts";

export class MemberList implements Iterable<Member> {
  readonly #random: Random;
  readonly #order: MutableMember[] = [];
  readonly #byName = new Map<string, MutableMember>();
  #next = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Of all that are known, dead ones included. */
  get size(): number {
    return this.#order.length;
  }

  [Symbol.iterator](): Iterator<Member> {
    return this.#order[Symbol.iterator]();
  }

  get(name: string): MutableMember | undefined {
    return this.#byName.get(name);
  }

  add(member: MutableMember): void {
    const index = this.#below(this.size + 1);
    this.#order.push(member);
    [this.#order[index], this.#order[this.size - 1]] = [member, this.#order[index]!];
    this.#byName.set(member.name, member);
  }

  /** The next member to probe that fits; begins anew with `passed` when the order is through. */
  nextWhere(fits: (member: Member) => boolean, passed: () => void): Member | undefined {
    for (let looked = 0; looked <= this.size; looked++) {
      if (this.#next >= this.size) {
        passed();
        this.#shuffle();
        this.#next = 0;
      }
      const member = this.#order[this.#next++];
      if (member !== undefined && fits(member)) return member;
    }
    return undefined;
  }

  removeWhere(isObsolete: (member: Member) => boolean): void {
    let kept = 0;
    for (const member of this.#order) {
      if (isObsolete(member)) this.#byName.delete(member.name);
      else this.#order[kept++] = member;
    }
    this.#order.length = kept;
  }

  /** Up to `count` different members that fit, each as likely as any other. */
  sample(count: number, fits: (member: Member) => boolean): Member[] {
    const chosen: Member[] = [];
    // In a large ring most fit: a few random picks find them without a look at all.
    for (let tries = 0; tries < 3 * count && this.size > 4 * count; tries++) {
      const member = this.#order[this.#below(this.size)]!;
      if (!chosen.includes(member) && fits(member)) chosen.push(member);
      if (chosen.length === count) return chosen;
    }
    const rest = this.#order.filter((member) => !chosen.includes(member) && fits(member));
    while (chosen.length < count && rest.length > 0) {
      chosen.push(...rest.splice(this.#below(rest.length), 1));
    }
    return chosen;
  }

  #shuffle(): void {
    for (let i = this.size - 1; i > 0; i--) {
      const other = this.#below(i + 1);
      [this.#order[i], this.#order[other]] = [this.#order[other]!, this.#order[i]!];
    }
  }

  #below(limit: number): number {
    return this.#random.uint32() % limit;
  }
}
