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
  readonly readAt: number;
}

// A key that was revoked elsewhere is good here for at most the second of these: below the five seconds
// that are promised. Between the two it is read again while it is still believed.
const FRESH_MS = 1_500;
const STALE_MS = 4_000;
const MAX_KNOWN = 10_000;
const RECORD_USE_MS = 60_000;

/**
 * The keys that were shown lately: a key in use is checked without the database, and read again every
 * second or two. Its token is kept as it was sent while it is in use, for to digest it each time is what
 * would take longest; afterwards only its SHA-256 is.
 */
export class KeyRing {
  readonly #deps: KeyRingDeps;
  readonly #known = new Map<string, Known>();
  readonly #seen = new Set<string>();
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
    const known = this.#known.get(token);
    if (known === undefined) return undefined;
    const now = Date.now();
    if (!isGood(known, now)) return undefined;
    if (now - known.readAt >= FRESH_MS) this.#read(token).catch(() => undefined);
    this.#use(known.id);
    return known.caller;
  }

  /** Whether a token was good when it was last looked up here: one worth looking up again. */
  hasSeen(token: string): boolean {
    return this.#seen.has(digestOf(token));
  }

  /** Who a token is of; undefined for one that is none, is revoked, has run out, or has another secret. */
  async find(token: string): Promise<Caller | undefined> {
    return this.peek(token) ?? this.#read(token);
  }

  /** Forgets a key that was changed here, so that it takes effect here at once. */
  forget(keyId: string): void {
    for (const [token, { id }] of this.#known) if (id === keyId) this.#known.delete(token);
  }

  /** Records the last uses. */
  async close(): Promise<void> {
    if (this.#used.size > 0) await this.#recorder.now().catch(() => undefined);
    await this.#recorder.close();
  }

  #read(text: string): Promise<Caller | undefined> {
    const underWay = this.#reading.get(text);
    if (underWay) return underWay;
    const token = parseToken(text);
    if (token === undefined) return Promise.resolve(undefined);
    const reading = this.#check(text, token).finally(() => this.#reading.delete(text));
    this.#reading.set(text, reading);
    return reading;
  }

  async #check(text: string, token: Token): Promise<Caller | undefined> {
    const readAt = Date.now();
    const key = await this.#deps.database.query('apiKeys.find', (sql) => findByPrefix(sql, token.prefix));
    const endsAt = key && secretEndsAt(key, token.secret);
    this.#known.delete(text);
    if (key === undefined || endsAt === undefined || endsAt <= Date.now()) {
      this.#seen.delete(digestOf(text));
      return undefined;
    }
    const { tenantId, role, id: keyId, prefix: keyPrefix, expiresAt } = key;
    const caller = { tenantId, role, keyId, keyPrefix, expiresAt };
    this.#known.set(text, { caller, id: key.id, endsAt, readAt });
    this.#seen.add(digestOf(text));
    for (const kept of [this.#known, this.#seen]) {
      const [oldest] = kept.size > MAX_KNOWN ? kept.keys() : [];
      if (oldest !== undefined) kept.delete(oldest);
    }
    this.#use(key.id);
    return caller;
  }

  #use(id: string): void {
    if (this.#used.has(id)) return;
    this.#used.set(id, new Date());
    this.#recorder.within(RECORD_USE_MS);
  }

  async #recordUse(): Promise<void> {
    const now = Date.now();
    for (const [token, known] of this.#known) if (!isGood(known, now)) this.#known.delete(token);
    const uses = [...this.#used].map(([id, at]) => ({ id, at }));
    this.#used = new Map();
    await this.#deps.database.query('apiKeys.recordUse', (sql) => recordUse(sql, uses));
  }
}

function isGood({ readAt, endsAt }: Known, now: number): boolean {
  return now - readAt < STALE_MS && now < endsAt;
}

function digestOf(token: string): string {
  return hash('sha256', token, 'base64');
}

/** When a secret runs out, in ms of the epoch; undefined where it is not one of the key's. */
function secretEndsAt(key: KeyWithDigests, secret: string): number | undefined {
  const expiresAt = key.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
  if (isSecretOf(secret, key.secretSha256)) return expiresAt;
  if (key.previousSha256 === null || !isSecretOf(secret, key.previousSha256)) return undefined;
  return Math.min(expiresAt, key.previousUntil?.getTime() ?? 0);
}
