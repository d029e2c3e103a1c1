/** Randomness as the code sees it: injected, so that a seed repeats a run. */

export interface Random {
  /** An unsigned 32-bit integer. */
  uint32(): number;
}

export const systemRandom: Random = {
  uint32: () => crypto.getRandomValues(new Uint32Array(1))[0]!,
};

/** Marsaglia's xorshift32: repeatable, fast, not for secrets. */
export function seededRandom(seed: number): Random {
  // Mixed first, so that neighbouring seeds part at once; the state must not be 0.
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0 || 1;
  return {
    uint32() {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state >>> 0;
    },
  };
}
