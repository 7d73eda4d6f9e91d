import { createHash } from 'node:crypto';

/** Whole numbers from 0 to `below` − 1; the same ones for the same seed. */
export type Random = (below: number) => number;

/** Makes a source of numbers (mulberry32) from any words. */
export function seeded(...words: readonly (string | number)[]): Random {
  let state = createHash('sha256').update(words.join('\n')).digest().readUInt32LE();
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
