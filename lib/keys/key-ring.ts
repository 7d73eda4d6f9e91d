import { hash } from 'node:crypto';
import type { Database } from '../database/client.js';
import type { Logger } from '../logger.js';
import { Ticker } from '../ticker.js';
import type { Caller } from './caller.js';
import { findByPrefix, type KeyWithDigests, recordUse } from './repository.js';
import { isSecretOf, parseToken, type Token } from './token.js';

/** What keys are checked with. */
export interface KeyRingDeps {
  readonly database: Database;
  readonly log: Logger;
}

interface Known {
  readonly caller: Caller;
  readonly id: string;
  /** When the key, or this secret of it, runs out by itself. */
  readonly endsAt: number;
  readAt: number;
}

// A key that was revoked elsewhere is good here for at most the second of these: below the five seconds
// that are promised. Between the two it is read again while it is still believed.
const FRESH_MS = 1_500;
const STALE_MS = 4_000;
const MAX_KNOWN = 10_000;
const RECORD_USE_MS = 60_000;

/**
 * The keys that were shown lately: a key in use is checked without the database, and read again every
 * second or two. Tokens themselves are not kept, only their SHA-256.
 */
export class KeyRing {
  readonly #deps: KeyRingDeps;
  readonly #known = new Map<string, Known>();
  readonly #reading = new Map<string, Promise<Caller | undefined>>();
  #used = new Map<string, Date>();
  readonly #recorder: Ticker;

  constructor(deps: KeyRingDeps) {
    this.#deps = deps;
    this.#recorder = new Ticker({
      run: () => this.#recordUse(),
      isNeeded: () => this.#used.size > 0,
      everyMs: RECORD_USE_MS,
      onError: (error) => deps.log.warn({ err: error }, 'the last use of keys was not recorded'),
    });
  }

  /** Who a token is of, where that is known at this moment; undefined: {@link find} tells. */
  peek(token: string): Caller | undefined {
    const now = Date.now();
    const digest = hash('sha256', token, 'base64');
    const known = this.#known.get(digest);
    if (known === undefined || now - known.readAt >= STALE_MS || now >= known.endsAt) return undefined;
    if (now - known.readAt >= FRESH_MS) this.#read(digest, token).catch(() => undefined);
    this.#use(known.id);
    return known.caller;
  }

  /** Whether a token was good when it was last looked up here: one worth looking up again. */
  hasSeen(token: string): boolean {
    return this.#known.has(hash('sha256', token, 'base64'));
  }

  /** Who a token is of; undefined for one that is none, is revoked, has run out, or has another secret. */
  async find(token: string): Promise<Caller | undefined> {
    return this.peek(token) ?? this.#read(hash('sha256', token, 'base64'), token);
  }

  /** Forgets a key that was changed here, so that it takes effect here at once. */
  forget(keyId: string): void {
    for (const [digest, { id }] of this.#known) if (id === keyId) this.#known.delete(digest);
  }

  /** Records the last uses. */
  async close(): Promise<void> {
    if (this.#used.size > 0) await this.#recorder.now().catch(() => undefined);
    await this.#recorder.close();
  }

  #read(digest: string, text: string): Promise<Caller | undefined> {
    const underWay = this.#reading.get(digest);
    if (underWay) return underWay;
    const token = parseToken(text);
    if (token === undefined) return Promise.resolve(undefined);
    const reading = this.#check(digest, token).finally(() => this.#reading.delete(digest));
    this.#reading.set(digest, reading);
    return reading;
  }

  async #check(digest: string, token: Token): Promise<Caller | undefined> {
    const readAt = Date.now();
    const key = await this.#deps.database.query('apiKeys.find', (sql) => findByPrefix(sql, token.prefix));
    const endsAt = key && secretEndsAt(key, token.secret);
    this.#known.delete(digest);
    if (key === undefined || endsAt === undefined || endsAt <= Date.now()) return undefined;
    const { tenantId, role, id: keyId, prefix: keyPrefix, expiresAt } = key;
    const caller = { tenantId, role, keyId, keyPrefix, expiresAt };
    this.#known.set(digest, { caller, id: key.id, endsAt, readAt });
    const [oldest] = this.#known.size > MAX_KNOWN ? this.#known.keys() : [];
    if (oldest !== undefined) this.#known.delete(oldest);
    this.#use(key.id);
    return caller;
  }

  #use(id: string): void {
    if (this.#used.has(id)) return;
    this.#used.set(id, new Date());
    this.#recorder.within(RECORD_USE_MS);
  }

  async #recordUse(): Promise<void> {
    const uses = [...this.#used].map(([id, at]) => ({ id, at }));
    this.#used = new Map();
    await this.#deps.database.query('apiKeys.recordUse', (sql) => recordUse(sql, uses));
  }
}

/** When a secret runs out, in ms of the epoch; undefined where it is not one of the key's. */
function secretEndsAt(key: KeyWithDigests, secret: string): number | undefined {
  const expiresAt = key.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
  if (isSecretOf(secret, key.secretSha256)) return expiresAt;
  if (key.previousSha256 === null || !isSecretOf(secret, key.previousSha256)) return undefined;
  return Math.min(expiresAt, key.previousUntil?.getTime() ?? 0);
}
