import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database, Executor } from '../database/client.js';
import { systemErrorCode } from '../errors.js';
import { newId } from '../ids.js';
import { OPERATORS_TENANT } from './caller.js';
import { hasOperatorKey, insertKey, putKey } from './repository.js';
import { formatToken, newToken, parseToken, type Token } from './token.js';

/** Where the first key is kept, below `DATA_DIR`. */
export const ADMIN_KEY_FILE = 'admin.key';

/** What the first key is made with. */
export interface FirstKeyDeps {
  readonly database: Database;
  readonly dataDir: string;
  /** The whole token that is to be an operator's, whatever the file says. */
  readonly adminApiKey: string | undefined;
}

/**
 * Sees to it that somebody can get in. `ADMIN_API_KEY` is an operator's key from then on; so is the one in
 * `DATA_DIR/admin.key`; and where there is neither, and no operator's key in the database, one is made and
 * kept in that file, for its owner alone (mode 0600). Processes that start at once make one.
 *
 * @returns the token that was made, to be shown this once; undefined where none was
 * @throws Error where the file holds something else
 */
export async function ensureFirstKey({
  database,
  dataDir,
  adminApiKey,
}: FirstKeyDeps): Promise<string | undefined> {
  const path = join(dataDir, ADMIN_KEY_FILE);
  const given = adminApiKey === undefined ? undefined : parseToken(adminApiKey);
  const kept = given === undefined ? await tokenIn(path) : undefined;
  return database.transaction('apiKeys.first', async (sql) => {
    await sql`select pg_advisory_xact_lock(hashtext('halftone first key'))`;
    if (given) return put(sql, given).then(() => undefined);
    if (kept) return add(sql, kept).then(() => undefined);
    if (await hasOperatorKey(sql, OPERATORS_TENANT)) return undefined;
    const token = newToken();
    await add(sql, token);
    const text = formatToken(token);
    await mkdir(dataDir, { recursive: true });
    // Before the commit: a key that nobody knows would be the last that is made.
    await writeFile(path, `${text}\n`, { mode: 0o600, flag: 'wx' });
    return text;
  });
}

/** The token of an operator as this machine has it; undefined where it has none. */
export async function knownToken({
  dataDir,
  adminApiKey,
}: Pick<FirstKeyDeps, 'dataDir' | 'adminApiKey'>): Promise<string | undefined> {
  if (adminApiKey !== undefined) return adminApiKey;
  const token = await tokenIn(join(dataDir, ADMIN_KEY_FILE));
  return token && formatToken(token);
}

const about = (name: string) => ({
  id: newId(),
  tenantId: OPERATORS_TENANT,
  name,
  role: 'admin' as const,
  expiresAt: null,
});

async function put(sql: Executor, token: Token): Promise<void> {
  await putKey(sql, about('ADMIN_API_KEY'), token);
}

async function add(sql: Executor, token: Token): Promise<void> {
  await insertKey(sql, about('first'), token);
}

async function tokenIn(path: string): Promise<Token | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const token = parseToken(text.trim());
  if (token === undefined)
    throw new Error(`${path} holds no key of the form ht_<prefix>_<secret>; mend or remove it.`);
  return token;
}
