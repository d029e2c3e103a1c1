/**
 * An insert-only skip list over entries in an arena: one writer thread, any number of reader threads, no locks.
 *
 * Order: key ascending by unsigned bytes, then sequence number descending. A node is named by the index of its
 * first field; its tower of links grows downwards from there, its key upwards:
 *
 * ```
 * word  node - height .. node - 1   links: level `l` at node - 1 - l; 0 is the end
 *       node                        key length
 *       node + 1                    value's byte offset
 *       node + 2                    value length
 *       node + 3                    kind (8 bits) | sequence number, high 21 bits
 *       node + 4                    sequence number, low 32 bits
 *       node + 5 ..                 key bytes, padded to a whole word
 * ```
 *
 * So a comparison reads the key at a fixed distance from the lowest links, mostly in the same cache line.
 *
 * Search: two things keep comparisons short, though keys share long prefixes (the tenant's name). The key sought
 * lies between the last node passed on the left and the last node refused on the right, and so does every node
 * still to be compared; therefore all share the shorter of the two prefixes that the key has in common with
 * those bounds, and comparison starts after it. And a node that was refused one level up is not compared again.
 *
 * Heights: each level holds half of the one below (a quarter saves 3 bytes an entry and costs a tenth in speed);
 * 20 levels serve millions of entries.
 *
 * Why readers on other threads need no lock:
 * 1. A node's fields, key and value are written, and its own link at a level set, before `Atomics.store` makes it
 *    reachable at that level. A reader gets to a node through `Atomics.load` of a link only. The load that sees
 *    the store comes after it, and so after everything that the writer did before it: a reader never sees a
 *    half-written node.
 * 2. Levels are linked bottom-up, and a reader only goes down: it uses those levels of a node that were linked
 *    before the one it came by.
 * 3. Nodes never move or change, except links, and a link only ever changes to a new node that lies between its
 *    two ends: whatever mix of old and new links a reader sees, it walks an ascending list.
 * 4. A reader looks for entries up to a sequence number that the writer handed to it (by a message or an atomic
 *    store) after inserting them. Their links are thus in place for it; nodes that it meets beyond have greater
 *    sequence numbers and are passed over.
 */
import { compareBytes, copyRange } from "../../base/bytes.ts";
import { assert } from "../../base/errors.ts";
import type { EntryKind, SequenceNumber } from "../internal-key.ts";
import { type Arena, headerWordCount } from "./arena.ts";

export const maxHeight = 20;

const fieldWordCount = 5;
const kindShift = 24;
const sequenceHighMask = 0x1fffff;

/** An estimate that counts so many nodes errs by about a sixth. */
const leastSampleCount = 32;

/** Word index of a node; `noNode` where there is none. */
export type Node = number;
export const noNode: Node = 0;

/** Before every entry, at a fixed place: its links are where each level starts. */
const headNode: Node = headerWordCount + maxHeight;

/** The most arena bytes that an entry takes. */
export function maxEntryBytes(keyLength: number, valueLength: number): number {
  return nodeWordCount(maxHeight, keyLength) * 4 + valueLength;
}

export class SkipList {
  readonly arena: Arena;
  /** State of the xorshift32 that draws heights; never 0. */
  #randomState: number;
  /** For each level the last node before the place of the last insert; what was inserted stands in it. */
  readonly #insertPath = new Int32Array(maxHeight).fill(headNode);
  /** The same for searches, which do not need it afterwards. */
  readonly #searchPath = new Int32Array(maxHeight);

  /** Over an arena that `clear` has set up, now or earlier, here or on the writer's thread. */
  constructor(arena: Arena, heightSeed: number) {
    this.arena = arena;
    this.#randomState = heightSeed | 0 || 1;
  }

  /** Makes the arena an empty list. Only when no other thread and no cursor reads it. */
  clear(): void {
    this.arena.reset();
    const start = this.arena.allocateWords(maxHeight + fieldWordCount);
    this.arena.words.fill(0, start, start + maxHeight + fieldWordCount);
    this.#insertPath.fill(headNode);
  }

  /** Whether an entry of this size is sure to fit, however high its tower. */
  roomFor(keyLength: number, valueLength: number): boolean {
    return maxEntryBytes(keyLength, valueLength) <= this.arena.freeBytes;
  }

  /**
   * Adds an entry, copying key and value. The caller has checked `roomFor`; the sequence number must be new.
   */
  insert(
    key: Uint8Array,
    keyLength: number,
    sequence: SequenceNumber,
    kind: EntryKind,
    value: Uint8Array,
    valueLength: number,
  ): void {
    const path = this.#insertPath;
    if (!this.#followsLastInsert(key, keyLength, sequence)) this.#descend(key, 0, keyLength, sequence, path);
    const successor = this.next(path[0]!);
    assert(successor === noNode || this.sequence(successor) !== sequence, "sequence number inserted twice");
    const height = this.#drawHeight();
    const node = this.arena.allocateWords(nodeWordCount(height, keyLength)) + height;
    const words = this.arena.words;
    words[node] = keyLength;
    words[node + 1] = this.arena.storeValue(value, valueLength);
    words[node + 2] = valueLength;
    words[node + 3] = (kind << kindShift) | Math.floor(sequence / 2 ** 32);
    words[node + 4] = sequence;
    copyRange(key, 0, keyLength, this.arena.bytes, this.keyStart(node));
    this.link(node, height);
    path.fill(node, 0, height);
  }

  /** Publishes a node whose fields are complete, bottom-up, after the nodes of the insert path. */
  protected link(node: Node, height: number): void {
    const words = this.arena.words;
    for (let level = 0; level < height; level++) {
      const before = this.#insertPath[level]! - 1 - level;
      words[node - 1 - level] = words[before]!;
      Atomics.store(words, before, node);
    }
  }

  /** The first node at or after (key, sequence). `sequence` -1 leads past all entries of the key. */
  seek(key: Uint8Array, keyStart: number, keyLength: number, sequence: number): Node {
    return this.#descend(key, keyStart, keyLength, sequence, this.#searchPath);
  }

  first(): Node {
    return this.next(headNode);
  }

  /**
   * About how many entries have keys in [start, end), an undefined bound being open, in a time that does not depend
   * on their number: counts them on the highest level that has enough of them there, each of which stands for two on
   * every level below. Exact for a few. For the owner, or once frozen.
   */
  estimateCount(start: Uint8Array | undefined, end: Uint8Array | undefined): number {
    if (start !== undefined && end !== undefined && compareBytes(start, end) >= 0) return 0;
    const from = new Int32Array(maxHeight).fill(headNode);
    const to = new Int32Array(maxHeight);
    if (start !== undefined) this.#descend(start, 0, start.length, Number.MAX_SAFE_INTEGER, from);
    if (end === undefined) this.#descendToEnd(to);
    else this.#descend(end, 0, end.length, Number.MAX_SAFE_INTEGER, to);
    for (let level = maxHeight - 1; ; level--) {
      let count = 0;
      for (let node = from[level]!; node !== to[level]; count++) node = this.#nextOn(level, node);
      if (level === 0 || count >= leastSampleCount) return count * 2 ** level;
    }
  }

  next(node: Node): Node {
    return Atomics.load(this.arena.words, node - 1);
  }

  keyLength(node: Node): number {
    return this.arena.words[node]!;
  }

  /** Byte offset of the key in the arena. */
  keyStart(node: Node): number {
    return (node + fieldWordCount) << 2;
  }

  valueStart(node: Node): number {
    return this.arena.words[node + 1]! >>> 0;
  }

  valueLength(node: Node): number {
    return this.arena.words[node + 2]!;
  }

  kind(node: Node): EntryKind {
    return (this.arena.words[node + 3]! >>> kindShift) as EntryKind;
  }

  sequence(node: Node): SequenceNumber {
    const words = this.arena.words;
    return (words[node + 3]! & sequenceHighMask) * 2 ** 32 + (words[node + 4]! >>> 0);
  }

  hasKey(node: Node, key: Uint8Array, keyStart: number, keyLength: number): boolean {
    return (
      this.keyLength(node) === keyLength && this.#mismatch(node, key, keyStart, keyLength, 0) === keyLength
    );
  }

  /** Notes in `path` the last node of each level. */
  #descendToEnd(path: Int32Array): void {
    let last = headNode;
    for (let level = maxHeight - 1; level >= 0; level--) {
      for (let node = last; node !== noNode; node = this.#nextOn(level, node)) last = node;
      path[level] = last;
    }
  }

  #nextOn(level: number, node: Node): Node {
    return Atomics.load(this.arena.words, node - 1 - level);
  }

  /** Goes down to (key, sequence), noting in `path` the last node before it on each level; returns the next. */
  #descend(key: Uint8Array, keyStart: number, keyLength: number, sequence: number, path: Int32Array): Node {
    const words = this.arena.words;
    let left = headNode;
    let right = noNode;
    // How many first bytes the key shares with `left` and `right`.
    let sharedLeft = 0;
    let sharedRight = 0;
    for (let level = maxHeight - 1; level >= 0; level--) {
      for (;;) {
        const node = Atomics.load(words, left - 1 - level);
        if (node === right) break;
        const from = Math.min(sharedLeft, sharedRight);
        const shared = this.#mismatch(node, key, keyStart, keyLength, from);
        if (this.#isBefore(node, key, keyStart, keyLength, sequence, shared)) {
          left = node;
          sharedLeft = shared;
        } else {
          right = node;
          sharedRight = shared;
          break;
        }
      }
      path[level] = left;
    }
    return right;
  }

  /**
   * Whether (key, sequence) belongs right after what was inserted last (or, where nothing was, the head, which
   * compares as an empty key). Then the insert path holds for it as it stands: on every level the path's node is
   * at or before that entry, and the node after it at or beyond its successor. So ascending inserts need no search.
   */
  #followsLastInsert(key: Uint8Array, keyLength: number, sequence: SequenceNumber): boolean {
    const last = this.#insertPath[0]!;
    const shared = this.#mismatch(last, key, 0, keyLength, 0);
    if (!this.#isBefore(last, key, 0, keyLength, sequence, shared)) return false;
    const successor = this.next(last);
    if (successor === noNode) return true;
    const sharedAfter = this.#mismatch(successor, key, 0, keyLength, 0);
    return !this.#isBefore(successor, key, 0, keyLength, sequence, sharedAfter);
  }

  /** How many first bytes the keys share, when they are known to share `from`. */
  #mismatch(node: Node, key: Uint8Array, keyStart: number, keyLength: number, from: number): number {
    const bytes = this.arena.bytes;
    const nodeKeyStart = this.keyStart(node);
    const nodeKeyLength = this.keyLength(node);
    const end = Math.min(nodeKeyLength, keyLength);
    let i = from;
    while (i < end && bytes[nodeKeyStart + i] === key[keyStart + i]) i++;
    return i;
  }

  /** Whether the node comes before (key, sequence), with whose key it shares just `shared` first bytes. */
  #isBefore(
    node: Node,
    key: Uint8Array,
    keyStart: number,
    keyLength: number,
    sequence: number,
    shared: number,
  ): boolean {
    const nodeKeyLength = this.keyLength(node);
    if (shared === keyLength) return nodeKeyLength === keyLength && this.sequence(node) > sequence;
    if (shared === nodeKeyLength) return true;
    return this.arena.bytes[this.keyStart(node) + shared]! < key[keyStart + shared]!;
  }

  /** 1, and one more with probability 1/2 each time. */
  #drawHeight(): number {
    let state = this.#randomState;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#randomState = state;
    return Math.min(maxHeight, 1 + Math.clz32(state));
  }
}

function nodeWordCount(height: number, keyLength: number): number {
  return height + fieldWordCount + ((keyLength + 3) >>> 2);
}
