import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../database/client.js';
import { Problem } from '../errors.js';
import type { Logger } from '../logger.js';
import { Ticker } from '../ticker.js';
import { dropLock, renewLocks, takeLock } from './lock-repository.js';
import type { UploadRow } from './upload.js';

/** How long a lock stays with a process that died. */
export const LEASE_MS = 5_000;
/** How often locks are renewed, and how late a holder in another process hears that somebody waits. */
const RENEW_MS = 500;
/** Longer than the lease: who comes back after a crash gets the lock and no error. */
const WAIT_MS = 10_000;
const FIRST_LOOK_MS = 20;
const LOOK_MS = 250;

/** The right to write an upload, while it is held. */
export interface UploadLock {
  readonly token: string;
  /** Aborts when somebody else waits for it, or has it already: the holder stores what it has, and stops. */
  readonly stop: AbortSignal;
  /** @throws Problem UPLOAD_LOCKED when it may be somebody else's by now */
  assertHeld(): void;
  /** Says that it has been let go, with what was recorded last. */
  forget(): void;
  /** Lets it go, if it has not been. Never rejects: a lock that cannot be let go lapses by itself. */
  release(): Promise<void>;
}

/** An upload, and the right to write it. */
export interface LockedUpload {
  readonly row: UploadRow;
  readonly lock: UploadLock;
}

interface Held {
  readonly id: string;
  readonly stopping: AbortController;
  /** On the clock of `performance.now()`. */
  validUntil: number;
}

/**
 * The locks of uploads that this process holds. A lock stands in the upload's row, with a lease: so it holds
 * across all processes, and one that dies lets go. Whoever waits for it says so in the row, and the holder,
 * which renews all its locks with one query twice a second, stops what it does. tus asks for that, because
 * a client that comes back often does so before its first connection has been found dead.
 */
export class UploadLocks {
  readonly #database: Database;
  readonly #held = new Map<string, Held>();
  readonly #renewal: Ticker;

  constructor(database: Database, log: Logger) {
    this.#database = database;
    this.#renewal = new Ticker({
      run: () => this.#renew(),
      isNeeded: () => this.#held.size > 0,
      everyMs: RENEW_MS,
      onError: (error) => log.warn({ err: error }, 'the locks of uploads were not renewed'),
    });
  }

  /**
   * Takes the lock of an upload; waits until whoever has it has let it go.
   *
   * @returns the upload as it is then
   * @throws Problem UPLOAD_NOT_FOUND when the tenant has no such upload; UPLOAD_LOCKED (423) after a while
   */
  async acquire(tenantId: string, id: string): Promise<LockedUpload> {
    const token = randomUUID();
    const deadline = performance.now() + WAIT_MS;
    for (let pause = FIRST_LOOK_MS; ; pause = Math.min(2 * pause, LOOK_MS)) {
      const asked = performance.now();
      const taken = await this.#database
        .of(tenantId)
        .query('uploads.lock', (sql) => takeLock(sql, { tenantId, id }, token, LEASE_MS));
      if (taken === 'missing') throw uploadNotFound();
      if (taken !== 'held') return { row: taken, lock: this.hold(id, token, asked) };
      // One of this very process need not hear it from the row.
      for (const held of this.#held.values()) if (held.id === id) held.stopping.abort();
      if (performance.now() + pause > deadline) throw lockedProblem();
      await delay(pause);
    }
  }

  /**
   * Holds a lock that stands in the row already.
   *
   * @param since when it was asked for, on the clock of `performance.now()`
   */
  hold(id: string, token: string, since: number): UploadLock {
    const held: Held = { id, stopping: new AbortController(), validUntil: since + LEASE_MS };
    this.#held.set(token, held);
    this.#renewal.within(RENEW_MS);
    return {
      token,
      stop: held.stopping.signal,
      assertHeld: () => {
        if (performance.now() >= held.validUntil) throw lockedProblem();
      },
      forget: () => void this.#held.delete(token),
      release: async () => {
        if (!this.#held.delete(token)) return;
        await this.#database.query('uploads.unlock', (sql) => dropLock(sql, id, token)).catch(() => {});
      },
    };
  }

  /** Ends the renewal. Locks that are held by then lapse. */
  close(): Promise<void> {
    return this.#renewal.close();
  }

  async #renew(): Promise<void> {
    const asked = performance.now();
    const tokens = [...this.#held.keys()];
    if (tokens.length === 0) return;
    const renewed = await this.#database.query('uploads.renewLocks', (sql) =>
      renewLocks(sql, tokens, LEASE_MS),
    );
    const kept = new Map(renewed.map((lock) => [lock.token, lock]));
    for (const token of tokens) {
      const held = this.#held.get(token);
      const lock = kept.get(token);
      if (held && lock) held.validUntil = asked + LEASE_MS;
      if (!lock || lock.releaseWanted) held?.stopping.abort();
    }
  }
}

/** The answer for an upload that is not there, or is another tenant's. */
export function uploadNotFound(): Problem {
  return new Problem('UPLOAD_NOT_FOUND', 'There is no upload with this id.');
}

/** Somebody else writes the upload. */
export function lockedProblem(): Problem {
  return new Problem(
    'UPLOAD_LOCKED',
    'Another request writes this upload; ask where it stands, and try again.',
    {
      retryAfter: 1,
    },
  );
}
