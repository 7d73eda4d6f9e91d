import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Database, openDatabase } from '../../lib/database/client.js';
import { startEmbeddedPostgres } from '../../lib/database/embedded-postgres.js';
import { migrate } from '../../lib/database/migrate.js';
import { newId } from '../../lib/ids.js';
import { Dispatcher, queuesByType } from '../../lib/jobs/dispatcher.js';
import { openJobRecorder } from '../../lib/jobs/recorder.js';
import { createLogger, type Logger } from '../../lib/logger.js';
import { migrateQueues, openQueueBackend, type QueueBackend } from '../../lib/queue/backend.js';
import type { ConsumerOptions, Delivery, QueuedJob } from '../../lib/queue/queue.js';
import { startRedisServer } from '../../test/helpers/redis-server.js';
import { Cancellations } from '../../workers/cancellations.js';
import { consume } from '../../workers/consumer.js';
import { Isolation } from '../../workers/isolation.js';
import type { Backend, Options } from './options.js';
import { treeCpuMs } from './processes.js';
import type { Figure } from './report.js';

const LEAST: Readonly<Record<Backend, number>> = { postgres: 0.5, redis: 0.15 };
// As the consumer with the most: what is durable waits for the disk, and only many at a time keep it busy.
const CONCURRENCY = 32;
const CHUNK = 1_000;

/** What the jobs of one turn took. */
interface Turn {
  readonly perSecond: number;
  readonly cpuMs: number;
}

/** What both sides run on. */
interface World {
  readonly backend: QueueBackend;
  readonly database: Database;
  readonly log: Logger;
  readonly cpuMs: () => number;
  close(): Promise<void>;
}

/** Jobs that do nothing, through our consumer, against a bare BullMQ worker on the same backend. */
export async function measureConsumer(
  backend: Backend,
  folder: string,
  { rounds, noopJobs }: Options,
): Promise<Figure[]> {
  const world = await openWorld(backend, join(folder, `consumer-${backend}`));
  try {
    const turns: { bare: Turn; ours: Turn }[] = [];
    await bareTurn(world, noopJobs);
    await ourTurn(world, noopJobs);
    for (let round = 0; round < rounds; round++)
      turns.push({ bare: await bareTurn(world, noopJobs), ours: await ourTurn(world, noopJobs) });
    const figure = (what: string, unit: string, of: (turn: (typeof turns)[number]) => number): Figure => ({
      part: 'consumer',
      what: `${backend}: ${what}`,
      unit,
      rounds: turns.map(of),
    });
    return [
      figure('bare BullMQ worker, no-op jobs', 'jobs/s', ({ bare }) => bare.perSecond),
      figure('our consumer, no-op jobs', 'jobs/s', ({ ours }) => ours.perSecond),
      {
        ...figure('ratio', '', ({ bare, ours }) => ours.perSecond / bare.perSecond),
        target: { least: LEAST[backend] },
      },
      figure('CPU of a job outside its processor, PostgreSQL with it', 'ms', ({ ours }) => ours.cpuMs),
    ];
  } finally {
    await world.close();
  }
}

async function openWorld(kind: Backend, folder: string): Promise<World> {
  await mkdir(folder, { recursive: true });
  const log = createLogger('bench', { level: 'error', pretty: false });
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), log: () => undefined });
  const redis = kind === 'redis' ? await startRedisServer(folder) : undefined;
  const folderOfMigrations = new URL('../../../migrations/', import.meta.url);
  await migrate({ url: server.url, folder: folderOfMigrations, after: migrateQueues, log });
  const database = openDatabase({
    url: server.url,
    applicationName: 'halftone-bench',
    poolSize: 10,
    statementTimeoutMs: 60_000,
    slowQueryMs: 60_000,
    log,
  });
  const backend = openQueueBackend({
    redisUrl: redis?.url,
    databaseUrl: server.url,
    role: 'consumer',
    applicationName: 'halftone-bench',
    log,
  });
  return {
    backend,
    database,
    log,
    cpuMs: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000 + treeCpuMs(server.pid);
    },
    close: async () => {
      await backend.close();
      await database.close();
      await redis?.kill();
      await server.stop();
    },
  };
}

/** A worker that does nothing but take jobs and end them. */
async function bareTurn(world: World, jobs: number): Promise<Turn> {
  const name = `bare-${newId()}`;
  const queue = world.backend.openQueue(name);
  await addAll(
    (entries) => queue.add(entries),
    Array.from({ length: jobs }, () => newId()),
  );
  const turn = await timed(world, name, jobs, (counted) => async () => counted());
  await queue.close();
  return turn;
}

/** The same through what a worker of ours does: each job's start and end stand in PostgreSQL. */
async function ourTurn(world: World, jobs: number): Promise<Turn> {
  const { backend, database, log } = world;
  const name = `ours-${newId()}`;
  const queue = backend.openQueue(name);
  const rows = await database.query(
    'jobs.create',
    (sql) => sql<{ id: string }[]>`
      insert into jobs (id, tenant_id, type, state, priority, attempts_max, request)
      select gen_random_uuid(), 'default', 'resize', 'queued', 'normal', 3, '{"renditions":[]}'
      from generate_series(1, ${jobs}::integer) returning id`,
  );
  await addAll(
    (entries) => queue.add(entries),
    rows.map(({ id }) => id),
  );
  const dispatcher = new Dispatcher({
    database,
    queues: queuesByType(() => queue),
    ping: async () => {},
    maxQueuedJobs: jobs,
    log,
  });
  const cancellations = new Cancellations(database, log);
  const workerId = newId();
  const recorder = openJobRecorder(database, workerId);
  const turn = await timed(world, name, jobs, (counted) => {
    const take = consume({
      database,
      dispatcher,
      cancellations,
      isolation: new Isolation(),
      workerId,
      recorder,
      log,
      onOutcome: () => undefined,
      processor: {
        type: 'resize',
        run: ({ id }) => recorder.complete({ id, result: { imageId: id, renditions: [] } }),
      },
    });
    return async (delivery) => {
      await take(delivery);
      counted();
    };
  });
  cancellations.close();
  await queue.close();
  return turn;
}

async function timed(
  { backend, cpuMs }: World,
  name: string,
  jobs: number,
  processor: (counted: () => void) => (delivery: Delivery) => Promise<void>,
): Promise<Turn> {
  const done = new EventTarget();
  let count = 0;
  const process = processor(() => {
    count += 1;
    if (count === jobs) done.dispatchEvent(new Event('all'));
  });
  const options: ConsumerOptions = { concurrency: CONCURRENCY, lockMs: 30_000, onGivenUp: () => undefined };
  const all = once(done, 'all');
  const [started, before] = [performance.now(), cpuMs()];
  const consumer = backend.openConsumer(name, process, options);
  await all;
  const seconds = (performance.now() - started) / 1000;
  const cpu = cpuMs() - before;
  await consumer.close();
  return { perSecond: jobs / seconds, cpuMs: cpu / jobs };
}

async function addAll(add: (jobs: QueuedJob[]) => Promise<void>, ids: readonly string[]): Promise<void> {
  for (let first = 0; first < ids.length; first += CHUNK)
    await add(
      ids.slice(first, first + CHUNK).map((id) => ({ id, priority: 10, attempts: 3, backoffMs: 1_000 })),
    );
}
