import { randomBytes } from 'node:crypto';
import type { Database, Executor } from '../database/client.js';
import { type LinkKey, MAX_LINK_SECONDS } from './link.js';

interface KeptKey extends LinkKey {
  readonly createdAt: Date;
}

const SECRET_BYTES = 32;
const DAY_MS = 86_400_000;
// Longer than the longest link lives: of the two keys that are kept, the older outlives what it signed.
const ROTATION_MS = Math.max(30 * DAY_MS, 2 * MAX_LINK_SECONDS * 1000);
const FRESH_MS = 60_000;
// A link that names a key nobody has is no reason to ask the database each time.
const RETRY_MS = 1_000;

/**
 * The signing keys of all API processes together, kept in PostgreSQL. The first link makes the first one;
 * each month another takes its place, and the one before stays good for the links that it signed.
 */
export class LinkKeys {
  readonly #database: Database;
  #keys: readonly KeptKey[] = [];
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The key to sign with. */
  async current(): Promise<LinkKey> {
    if (performance.now() - this.#readAt >= FRESH_MS) await this.#read();
    const [newest] = this.#keys;
    if (newest && !isDue(newest)) return newest;
    this.#keys = await this.#database.transaction('linkKeys.rotate', rotate);
    const [made] = this.#keys;
    if (!made) throw new Error('a rotation left no key');
    return made;
  }

  /** The key of a link, while it is one of the two that are good. */
  async find(id: number): Promise<LinkKey | undefined> {
    const known = this.#keys.find((key) => key.id === id);
    const isFresh = performance.now() - this.#readAt < (known ? FRESH_MS : RETRY_MS);
    if (isFresh) return known;
    await this.#read();
    return this.#keys.find((key) => key.id === id);
  }

  async #read(): Promise<void> {
    this.#keys = await this.#database.query('linkKeys.find', readKeys);
    this.#readAt = performance.now();
  }
}

/** Adds a key where it is time, removes all but two, and tells which there are; one process at a time. */
async function rotate(sql: Executor): Promise<readonly KeptKey[]> {
  await sql`lock table link_keys in share row exclusive mode`;
  const [newest] = await readKeys(sql);
  if (newest && !isDue(newest)) return readKeys(sql);
  await sql`insert into link_keys (secret) values (${randomBytes(SECRET_BYTES)})`;
  await sql`delete from link_keys where id not in (select id from link_keys order by id desc limit 2)`;
  return readKeys(sql);
}

async function readKeys(sql: Executor): Promise<readonly KeptKey[]> {
  return sql<KeptKey[]>`select id, secret, created_at from link_keys order by id desc limit 2`;
}

function isDue({ createdAt }: KeptKey): boolean {
  return Date.now() - createdAt.getTime() > ROTATION_MS;
}
