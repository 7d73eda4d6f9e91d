const FIRST_SLOTS = 1024;

/** A set of positive whole numbers below 2^53, in 16 to 32 bytes each: a fourth of what a Set takes. */
export class NumberSet {
  /** Open addressing; 0 is an empty slot, as each number is kept plus one. */
  #slots = new Float64Array(FIRST_SLOTS);
  #size = 0;

  /** @returns whether it was not in the set before */
  add(number: number): boolean {
    if (this.#size * 2 >= this.#slots.length) this.#grow();
    const slot = this.#find(number + 1);
    if (this.#slots[slot] !== 0) return false;
    this.#slots[slot] = number + 1;
    this.#size += 1;
    return true;
  }

  /** The slot that holds a number, or the empty one where it belongs. */
  #find(kept: number): number {
    const slots = this.#slots;
    let slot = kept % slots.length;
    while (slots[slot] !== 0 && slots[slot] !== kept) slot = (slot + 1) % slots.length;
    return slot;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Float64Array(before.length * 2);
    for (const kept of before) {
      if (kept !== 0) this.#slots[this.#find(kept)] = kept;
    }
  }
}
