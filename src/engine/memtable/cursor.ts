/**
 * A forward cursor over a memtable, as of a sequence number.
 *
 * It may be used while the owner inserts, on the owner's thread or another: entries that were not there at its
 * sequence number are passed over, and what it stands on never moves. It does not allocate.
 *
 * Entries that do not count (newer ones; older ones of a key, when only the newest is wanted) are stepped over one
 * by one, and where there are many, as under a key that is written all the time, left behind by a search.
 */
import { Slice } from "../../base/bytes.ts";
import { assert } from "../../base/errors.ts";
import type { EntryCursor, EntryKind, SequenceNumber } from "../internal-key.ts";
import { type Node, noNode, type SkipList } from "./skip-list.ts";

/** `all`: every version; `newest`: of each key the one with the greatest sequence number. */
export type VersionChoice = "all" | "newest";

/** So many single steps cost about as much as a search. */
const maxSteps = 8;

export class MemtableCursor implements EntryCursor {
  readonly key: Slice;
  readonly value: Slice;
  readonly #list: SkipList;
  readonly #maxSequence: SequenceNumber;
  readonly #choice: VersionChoice;
  #node: Node = noNode;

  constructor(list: SkipList, maxSequence: SequenceNumber, choice: VersionChoice) {
    this.#list = list;
    this.#maxSequence = maxSequence;
    this.#choice = choice;
    this.key = new Slice(list.arena.bytes, 0, 0);
    this.value = new Slice(list.arena.bytes, 0, 0);
  }

  get valid(): boolean {
    return this.#node !== noNode;
  }

  get sequence(): SequenceNumber {
    return this.#list.sequence(this.#node);
  }

  get kind(): EntryKind {
    return this.#list.kind(this.#node);
  }

  rewind(): void {
    this.#settleAt(this.#list.first());
  }

  seek(key: Uint8Array): void {
    this.#settleAt(this.#list.seek(key, 0, key.length, this.#maxSequence));
  }

  next(): void {
    assert(this.#node !== noNode, "next on a cursor that stands on no entry");
    this.#settleAt(this.#choice === "all" ? this.#list.next(this.#node) : this.#nextKey());
  }

  /** The first node of another key. */
  #nextKey(): Node {
    const list = this.#list;
    const { bytes, start, length } = this.key;
    let node = list.next(this.#node);
    for (let steps = 1; node !== noNode && list.hasKey(node, bytes, start, length); steps++) {
      node = steps < maxSteps ? list.next(node) : list.seek(bytes, start, length, -1);
    }
    return node;
  }

  /** Stands on `node`, or on the first one after it that is old enough. */
  #settleAt(node: Node): void {
    const list = this.#list;
    for (let steps = 1; node !== noNode && list.sequence(node) > this.#maxSequence; steps++) {
      node =
        steps % maxSteps !== 0
          ? list.next(node)
          : list.seek(list.arena.bytes, list.keyStart(node), list.keyLength(node), this.#maxSequence);
    }
    this.#node = node;
    if (node === noNode) return;
    this.key.start = list.keyStart(node);
    this.key.length = list.keyLength(node);
    this.value.start = list.valueStart(node);
    this.value.length = list.valueLength(node);
  }
}
