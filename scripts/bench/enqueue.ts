import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type postgres from 'postgres';
import { connectPostgres } from '../../lib/database/connect.js';
import { freePort } from '../../lib/database/embedded/free-port.js';
import { startEmbeddedPostgres } from '../../lib/database/embedded-postgres.js';
import { newId } from '../../lib/ids.js';
import { createLogger } from '../../lib/logger.js';
import { openQueueBackend, type QueueBackend } from '../../lib/queue/backend.js';
import { startRedisServer } from '../../test/helpers/redis-server.js';
import { get, jsonOf, send } from './http.js';
import type { Backend, Options } from './options.js';
import type { Figure } from './report.js';

/** As many as a batch takes. */
const JOBS = 10_000;
const LEAST = 0.7;
/** How often it is looked how far a batch is: seldom at first, as looks take time from what is measured. */
const LOOK_MS = 50;
const LOOK_NEAR_END_MS = 2;
const NEAR_END = 0.9;
// As the queue likes it best: in one call PostgreSQL takes them a third slower.
const BARE_CHUNK = 1_000;

/** What both sides run on. */
export interface World {
  readonly origin: string;
  readonly sql: postgres.Sql;
  readonly bare: QueueBackend;
  /** Of the process that makes the jobs. */
  readonly workerPid: number;
  readonly imageIds: readonly string[];
  close(): Promise<void>;
}

/**
 * Jobs a second by the batch route, from the request until each member is recorded and in the queue, against
 * BullMQ's own `addBulk` of as many, with the same payloads and options, on the same backend.
 */
export async function measureEnqueue(
  backend: Backend,
  folder: string,
  { rounds }: Options,
): Promise<Figure[]> {
  const world = await openWorld(backend, join(folder, `enqueue-${backend}`));
  try {
    const turns: { bare: number; batch: number }[] = [];
    // Until V8 has compiled what runs.
    await bareTurn(world);
    await batchTurn(world);
    for (let round = 0; round < rounds; round++)
      turns.push({ bare: await bareTurn(world), batch: await batchTurn(world) });
    const figure = (what: string, unit: string, of: (turn: (typeof turns)[number]) => number): Figure => ({
      part: 'enqueue',
      what: `${backend}: ${what}`,
      unit,
      rounds: turns.map(of),
    });
    return [
      figure('bare addBulk', 'jobs/s', ({ bare }) => bare),
      figure('batch route', 'jobs/s', ({ batch }) => batch),
      { ...figure('ratio', '', ({ bare, batch }) => batch / bare), target: { least: LEAST } },
    ];
  } finally {
    await world.close();
  }
}

/** Starts an API and a worker that makes jobs and runs none, and a bare queue beside them. */
export async function openWorld(kind: Backend, folder: string): Promise<World> {
  await mkdir(folder, { recursive: true });
  const log = createLogger('bench', { level: 'error', pretty: false });
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), log: () => undefined });
  const redis = kind === 'redis' ? await startRedisServer(folder) : undefined;
  const port = await freePort();
  const api = fork(fileURLToPath(new URL('../../../bundle/server.js', import.meta.url)), {
    cwd: folder,
    env: environment(folder, port, server.url, redis?.url),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const origin = `http://127.0.0.1:${port}`;
  while ((await get(`${origin}/healthz`).catch(() => undefined))?.status !== 200) await delay(50);
  const worker = fork(new URL('./enqueue-worker.js', import.meta.url), [
    server.url,
    redis?.url ?? '',
    join(folder, 'data'),
  ]);
  await once(worker, 'message');
  const sql = connectPostgres(server.url, { max: 1 });
  const bare = openQueueBackend({
    databaseUrl: server.url,
    redisUrl: redis?.url,
    role: 'consumer',
    applicationName: 'halftone-bench',
    log,
  });
  return {
    origin,
    sql,
    bare,
    workerPid: worker.pid ?? 0,
    imageIds: await insertImages(sql),
    close: async () => {
      await Promise.all([sql.end(), bare.close()]);
      await Promise.all([ended(worker, 'SIGKILL'), ended(api, 'SIGTERM')]);
      await redis?.kill();
      await server.stop();
    },
  };
}

function environment(
  folder: string,
  port: number,
  databaseUrl: string,
  redisUrl: string | undefined,
): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    NODE_ENV: 'production',
    ROLE: 'api',
    AUTH: 'off',
    PORT: String(port),
    DATA_DIR: join(folder, 'data'),
    DATABASE_URL: databaseUrl,
    MAX_QUEUED_JOBS: '10000000',
    RATE_LIMIT_EXPENSIVE_MAX: '10000000',
    ...(redisUrl !== undefined && { REDIS_URL: redisUrl }),
  };
}

/** Photographs that nobody will decode, with ids as uploads have them. */
async function insertImages(sql: postgres.Sql): Promise<string[]> {
  await sql`
    insert into blobs (sha256, bytes, reference_count)
    select encode(sha256(n::text::bytea), 'hex'), 1000000, 1 from generate_series(1, ${JOBS}::integer) n`;
  const rows = await sql<{ id: string }[]>`
    insert into images (id, tenant_id, sha256, filename, content_type, bytes, width, height, orientation, has_alpha, pages, metadata)
    select uuidv7(), 'default', encode(sha256(n::text::bytea), 'hex'), 'photo.jpg', 'image/jpeg', 1000000,
      4000 + n % 7, 3000, 1, false, 1, '{}' from generate_series(1, ${JOBS}::integer) n
    returning id`;
  await sql`analyze images`;
  return rows.map(({ id }) => id);
}

async function bareTurn({ bare }: World): Promise<number> {
  const started = performance.now();
  await addBare(bare, JOBS);
  return JOBS / ((performance.now() - started) / 1000);
}

/** Adds jobs to a queue of its own, by nothing but BullMQ, with what ours have. */
export async function addBare(bare: QueueBackend, jobs: number): Promise<void> {
  const queue = bare.openQueue(`bare-${newId()}`);
  const entries = Array.from({ length: jobs }, (_, index) => ({
    id: newId(),
    priority: 600_000 + Math.floor(index / 8),
    attempts: 3,
    backoffMs: 1_000,
  }));
  for (let first = 0; first < jobs; first += BARE_CHUNK)
    await queue.add(entries.slice(first, first + BARE_CHUNK));
  await queue.close();
}

async function batchTurn({ origin, sql, imageIds }: World): Promise<number> {
  const body = Buffer.from(JSON.stringify({ images: imageIds, presets: ['thumbnail'] }));
  const headers = { 'content-type': 'application/json' };
  const started = performance.now();
  const answer = await send(`${origin}/v1/batches`, 'POST', headers, [body]);
  const { job } = jsonOf<{ job: { id: string } }>(answer, 202);
  for (;;) {
    const [batch] = await sql<
      { share: number }[]
    >`select expanded::float / total as share from batches where id = ${job.id}`;
    const share = batch?.share ?? 0;
    if (share === 1) break;
    await delay(share < NEAR_END ? LOOK_MS : LOOK_NEAR_END_MS);
  }
  return JOBS / ((performance.now() - started) / 1000);
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}
