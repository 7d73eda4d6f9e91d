import { createHash, type Hash } from 'node:crypto';

/** Each is some hundred bytes; who finds its own gone reads its file once more. */
const MOST = 1_000;

/**
 * The SHA-256 of uploads in the making, as far as this process has seen them from their first byte. It only
 * saves the second reading of a file: one that came in part to another process, or before a restart, is
 * read when it is whole.
 */
export class RunningHashes {
  readonly #hashes = new Map<string, { readonly offset: number; readonly hash: Hash }>();

  /** What hashes an upload on from an offset; undefined when what comes before is not known. */
  from(id: string, offset: number): Hash | undefined {
    if (offset === 0) return createHash('sha256');
    const known = this.#hashes.get(id);
    return known?.offset === offset ? known.hash.copy() : undefined;
  }

  /** Keeps the hash of all bytes before an offset. */
  keep(id: string, offset: number, hash: Hash | undefined): void {
    this.#hashes.delete(id);
    if (hash === undefined) return;
    this.#hashes.set(id, { offset, hash });
    const [oldest] = this.#hashes.keys();
    if (this.#hashes.size > MOST && oldest !== undefined) this.#hashes.delete(oldest);
  }

  forget(id: string): void {
    this.#hashes.delete(id);
  }
}
