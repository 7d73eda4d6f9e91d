import type { Readable } from 'node:stream';
import { within } from '../deadline.js';
import { BodyDigest } from './fingerprint.js';

/**
 * Digests a body while somebody else reads it, in whatever way: Node emits `data` for what `read()`
 * returns too, and a listener does not start a stream that was paused by hand.
 * https://nodejs.org/docs/latest-v20.x/api/stream.html#event-data
 */
export class BodyTap {
  readonly #source: Readable;
  readonly #digest: BodyDigest;
  /** Resolves when all of the body was read, rejects when it broke off. */
  readonly #ended: Promise<void>;

  /** Make it before anything is read of the source. */
  constructor(source: Readable, contentType: string | undefined) {
    this.#source = source;
    this.#digest = new BodyDigest(contentType);
    source.pause();
    source.on('data', (chunk: Buffer | string) => this.#digest.update(Buffer.from(chunk)));
    this.#ended = new Promise((resolve, reject) => {
      source.once('end', resolve);
      source.once('close', () => reject(new Error('the body broke off')));
    });
    // Mostly nobody waits for it.
    this.#ended.catch(() => {});
  }

  /** The digest, once somebody has read all of the body. Call it, or {@link drain}, once. */
  digest(): Buffer | undefined {
    return this.#source.readableEnded ? this.#digest.digest() : undefined;
  }

  /**
   * Reads what is left and keeps nothing of it.
   *
   * @returns the digest; undefined when the body breaks off, is not all there within `ms`, or is longer
   *   than `maxBytes`, as soon as it is
   */
  async drain(maxBytes: number, ms: number): Promise<Buffer | undefined> {
    const source = this.#source;
    const tooLong = new Promise<never>((_, reject) => {
      source.on('data', () => this.#digest.bytes > maxBytes && reject(new Error('the body is too long')));
    });
    source.unpipe();
    source.resume();
    await within(Promise.race([this.#ended, tooLong]), ms).catch(() => {});
    return this.digest();
  }
}
