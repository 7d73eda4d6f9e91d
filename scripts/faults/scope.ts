import type { Teardown } from '../../test/helpers/services.js';

/** What one run started: it is ended in reverse order, all of it, whatever fails. */
export class Scope implements Teardown {
  readonly #callbacks: (() => unknown)[] = [];

  teardown(callback: () => unknown): void {
    this.#callbacks.push(callback);
  }

  /** @throws the first error of a callback, after all of them have run */
  async close(): Promise<void> {
    const errors: unknown[] = [];
    for (let callback = this.#callbacks.pop(); callback; callback = this.#callbacks.pop()) {
      try {
        await callback();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
