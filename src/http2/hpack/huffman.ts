/**
 * The Huffman code of HPACK (RFC 7541, section 5.2 and appendix B).
 *
 * The code is canonical: codes of one length follow each other in the order of their symbols, and a longer length
 * goes on where the shorter one ended. So the lengths say everything.
 *
 * The decoder is a state machine over half bytes. A state is an inner node of the code's tree; one half byte moves
 * at most four edges down it, and passes at most one leaf, since the shortest code has five bits.
 */
import { assert } from "../../base/errors.ts";

/** Bits of the code of each byte, and of the end-of-string symbol at 256. */
const codeLengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const endOfString = 256;
const maxCodeBits = 30;

const codes = canonicalCodes();

function canonicalCodes(): Uint32Array {
  const result = new Uint32Array(codeLengths.length);
  let code = 0;
  for (let length = 1; length <= maxCodeBits; length++) {
    code *= 2;
    for (let symbol = 0; symbol < codeLengths.length; symbol++) {
      if (codeLengths[symbol] === length) result[symbol] = code++;
    }
  }
  assert(code === 2 ** maxCodeBits, "the Huffman code does not fill its tree");
  return result;
}

/** In a transition: a symbol is complete (bits 0 to 7), the string may end here, no code goes this way. */
const emits = 0x100;
const accepts = 0x200;
const fails = 0x400;
const nextStateShift = 16;

/** Indexed by state × 16 + half byte. */
const transitions = buildTransitions();

type Node = { zero?: Node | number; one?: Node | number };

function buildTree(): Node {
  const root: Node = {};
  for (let symbol = 0; symbol < codeLengths.length; symbol++) {
    let node = root;
    for (let bit = codeLengths[symbol]! - 1; bit > 0; bit--) {
      const edge = (codes[symbol]! >>> bit) & 1 ? "one" : "zero";
      node = (node[edge] ??= {}) as Node;
    }
    node[codes[symbol]! & 1 ? "one" : "zero"] = symbol;
  }
  return root;
}

function buildTransitions(): Uint32Array {
  const root = buildTree();
  const states = new Map<Node, number>([[root, 0]]);
  // Where padding may end: up to seven ones from the root, the first bits of the end-of-string code.
  const accepting = new Set<Node>([root]);
  for (let node = root.one, bits = 1; bits <= 7 && typeof node === "object"; node = node.one, bits++) {
    accepting.add(node);
  }
  const table: number[] = [];
  for (const [state, number] of states) {
    for (let half = 0; half < 16; half++)
      table[number * 16 + half] = transition(state, half, root, states, accepting);
  }
  return Uint32Array.from(table);
}

/** Numbers the states that it meets first. */
function transition(
  from: Node,
  half: number,
  root: Node,
  states: Map<Node, number>,
  accepting: ReadonlySet<Node>,
): number {
  let node = from;
  let result = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const child = (half >>> bit) & 1 ? node.one : node.zero;
    if (child === undefined || child === endOfString) return fails;
    if (typeof child === "number") result = emits | child;
    node = typeof child === "number" ? root : child;
  }
  if (accepting.has(node)) result |= accepts;
  if (!states.has(node)) states.set(node, states.size);
  return result | (states.get(node)! << nextStateShift);
}

/**
 * Decodes a string into `target` at 0 and returns its length; -1 where it is no valid code. A string has at most
 * `maxDecodedLength(length)` bytes, for which there must be room.
 */
export function decodeHuffman(bytes: Uint8Array, start: number, length: number, target: Uint8Array): number {
  let entry = accepts;
  let written = 0;
  for (let position = start; position < start + length; position++) {
    const byte = bytes[position]!;
    entry = transitions[((entry >>> nextStateShift) << 4) | (byte >>> 4)]!;
    if (entry & emits) target[written++] = entry;
    if (entry & fails) return -1;
    entry = transitions[((entry >>> nextStateShift) << 4) | (byte & 0xf)]!;
    if (entry & emits) target[written++] = entry;
    if (entry & fails) return -1;
  }
  return entry & accepts ? written : -1;
}

/** The shortest code has five bits. */
export function maxDecodedLength(length: number): number {
  return Math.floor((length * 8) / 5);
}

/** Bytes that `text`, of characters up to U+00FF, takes when encoded. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += codeLengths[text.charCodeAt(i)]!;
  return Math.ceil(bits / 8);
}

/** Writes `text`, of characters up to U+00FF, where there is room for `huffmanLength(text)` bytes. */
export function encodeHuffman(text: string, target: Uint8Array, position: number): number {
  let pending = 0;
  let pendingBits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    let bits = codeLengths[symbol]!;
    // In two steps, since a code of 30 bits and up to 7 pending ones do not fit into 32.
    while (bits > 0) {
      const taken = Math.min(bits, 24);
      bits -= taken;
      pending = (pending << taken) | ((codes[symbol]! >>> bits) & ((1 << taken) - 1));
      pendingBits += taken;
      while (pendingBits >= 8) {
        pendingBits -= 8;
        target[position++] = pending >>> pendingBits;
      }
      pending &= (1 << pendingBits) - 1;
    }
  }
  if (pendingBits > 0) target[position++] = (pending << (8 - pendingBits)) | (0xff >>> pendingBits);
  return position;
}
