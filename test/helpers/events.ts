import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../lib/logger.js';

/** A promise and the function that resolves it: something a test waits for. */
export interface Latch<T = void> {
  readonly opened: Promise<T>;
  open(value: T): void;
}

/** Makes a latch. */
export function latch<T = void>(): Latch<T> {
  let open: (value: T) => void = () => {};
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** Things that happened, in order, and a way to wait for more of them. */
export class Recorder<T> {
  readonly items: T[] = [];
  readonly #waiters = new Set<() => void>();

  readonly add = (item: T): void => {
    this.items.push(item);
    for (const wake of this.#waiters) wake();
  };

  /** Resolves with what was recorded as soon as it is as wanted. */
  until(wanted: (items: readonly T[]) => boolean): Promise<readonly T[]> {
    return new Promise((resolve) => {
      const wake = (): void => {
        if (!wanted(this.items)) return;
        this.#waiters.delete(wake);
        resolve(this.items);
      };
      this.#waiters.add(wake);
      wake();
    });
  }

  /** Resolves when `count` things were recorded. */
  length(count: number): Promise<readonly T[]> {
    return this.until(({ length }) => length >= count);
  }
}

const POLL_MS = 20;

/** Asks again and again until the answer comes; for what tells nobody that it happened. */
export async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    await delay(POLL_MS);
  }
}

/** A line that was logged. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  readonly fields: unknown;
  readonly message: unknown;
}

/** A logger that keeps what it is told. */
export function recordingLogger(): { log: Logger; lines: Recorder<LogLine> } {
  const lines = new Recorder<LogLine>();
  const at =
    (level: LogLine['level']) =>
    (...[first, second]: unknown[]): void =>
      lines.add(
        typeof first === 'string'
          ? { level, fields: {}, message: first }
          : { level, fields: first, message: second },
      );
  return {
    lines,
    log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), fatal: at('fatal') },
  };
}
