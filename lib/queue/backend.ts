import { createPostgresBackend, createRedisBackend, Queue, QueueEvents, runMigrations, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import { within } from '../deadline.js';
import type { Logger } from '../logger.js';
import { type BoardQueues, boardQueues } from './board.js';
import { openPatientPool } from './patient-pool.js';
import { attentive } from './postgres-events.js';
import { rangeInPostgres, rangeInRedis } from './priority-range.js';
import {
  type ConsumerOptions,
  type Delivery,
  type JobConsumer,
  type JobQueue,
  jobConsumer,
  jobQueue,
  type QueueListener,
  type QueueSubscription,
  queueSubscription,
  workerOptions,
  workerProcessor,
} from './queue.js';
import { newsOfRedis, sparing } from './redis-events.js';

/**
 * Where BullMQ keeps its queues. The two backends differ only here: the rest of the service opens
 * queues, consumers and listeners without knowing which it has.
 */
export interface QueueBackend {
  readonly kind: 'postgres' | 'redis';
  openQueue(name: string): JobQueue;
  openConsumer(
    name: string,
    process: (delivery: Delivery) => Promise<void>,
    options: ConsumerOptions,
  ): JobConsumer;
  listen(name: string, listener: QueueListener): QueueSubscription;
  /** Queues as bull-board shows them: to look at, not to change. */
  openBoard(names: readonly string[]): BoardQueues;
  /** Resolves when the backend answers, within about a second; rejects otherwise. */
  ping(): Promise<void>;
  /** Ends the connections, after everything that was opened here has been closed. */
  close(): Promise<void>;
}

/** Which backend, and for whom. */
export interface QueueBackendOptions {
  readonly redisUrl: string | undefined;
  readonly databaseUrl: string;
  /** Producers fail within a second or two when the backend is away; consumers wait for it to return. */
  readonly role: 'producer' | 'consumer';
  readonly applicationName: string;
  readonly log: Logger;
}

// A request may wait for Redis twice, for its rate limit and for the queue, and is answered within two seconds.
const ANSWER_TIMEOUT_MS = 800;
// A consumer that gives up on a connection leaves its job to be delivered again: it waits longer.
const CONSUMER_CONNECT_TIMEOUT_MS = 10_000;
// How long a reader of events waits before it asks again, and one that PostgreSQL notifies.
const EVENTS_BLOCK_MS = 1_000;
const NOTIFIED_BLOCK_MS = 5_000;
/** In Redis Cluster every key of ours must lie in one slot: the braces make the tag. */
export const PREFIX = '{halftone}';
// Jobs beyond that share them: they need one when they begin and when they end.
const MAX_CONSUMER_CONNECTIONS = 4;
// Connections by which queues are filled and asked: more at once wait for one. A request that would have one opened
// fails where PostgreSQL takes its time for that; so those of requests are opened at the start, and stay.
const PRODUCER_CONNECTIONS = 6;
const REQUEST_CONNECTIONS = 4;
// Connections of those who read events, and the one by which all listen.
const READER_CONNECTIONS = 4;

/** Opens the queue backend that the configuration asks for: Redis where there is a URL, else PostgreSQL. */
export function openQueueBackend(options: QueueBackendOptions): QueueBackend {
  return options.redisUrl === undefined ? postgresBackend(options) : redisBackend(options.redisUrl, options);
}

/** Creates BullMQ's own tables, on a client of the migration. Redis needs none. */
export async function migrateQueues(client: pg.Client): Promise<void> {
  await runMigrations(client);
}

/** A Redis connection that comes back by itself; see {@link QueueBackendOptions.role}. */
export function connectRedis(url: string, name: string, waits: boolean, log: Logger): Redis {
  const connection = new Redis(url, {
    connectionName: name,
    // BullMQ wants endless retries where it blocks; a request must not wait for a Redis that is away.
    maxRetriesPerRequest: waits ? null : 1,
    enableOfflineQueue: waits,
    connectTimeout: ANSWER_TIMEOUT_MS,
    ...(waits ? {} : { commandTimeout: ANSWER_TIMEOUT_MS }),
    retryStrategy: (attempt) => Math.min(attempt * 100, 1_000),
  });
  connection.on('error', (error) => log.debug({ err: error }, 'redis connection'));
  return connection;
}

function redisBackend(url: string, { role, log, applicationName }: QueueBackendOptions): QueueBackend {
  const connect = (waits: boolean) => connectRedis(url, applicationName, waits, log);
  const connections = [connect(role === 'consumer')];
  const [connection] = connections;
  if (!connection) throw new Error('unreachable');
  return {
    kind: 'redis',
    openQueue: (name) => {
      const queue = new Queue(name, { connection, prefix: PREFIX });
      survive(queue, log);
      return jobQueue(queue, () => rangeInRedis(connection, queue.toKey('prioritized')));
    },
    openConsumer: (name, process, options) => {
      const worker = new Worker(name, workerProcessor(process), {
        connection,
        prefix: PREFIX,
        ...workerOptions(options),
      });
      survive(worker, log);
      return jobConsumer(worker, options);
    },
    listen: (name, listener) => {
      const reader = connect(true);
      connections.push(reader);
      const events = new QueueEvents(
        name,
        { connection: reader, prefix: PREFIX, blockingTimeout: EVENTS_BLOCK_MS },
        sparing(createRedisBackend, newsOfRedis(reader, PREFIX)),
      );
      survive(events, log);
      const { close } = queueSubscription(events, listener);
      // A reader that waits to reconnect never tells BullMQ that it has ended.
      return { close: () => within(close(), ANSWER_TIMEOUT_MS).catch(() => reader.disconnect()) };
    },
    openBoard: (names) =>
      boardQueues(
        names.map((name) => new Queue(name, { connection, prefix: PREFIX })),
        log,
      ),
    ping: async () => {
      if (connection.status !== 'ready') throw new Error(`redis is ${connection.status}`);
      await within(connection.ping(), ANSWER_TIMEOUT_MS);
    },
    close: async () => {
      for (const each of connections) each.disconnect();
    },
  };
}

function postgresBackend({ databaseUrl, applicationName, role, log }: QueueBackendOptions): QueueBackend {
  const settings: pg.PoolConfig = {
    connectionString: databaseUrl,
    application_name: `${applicationName}-queue`,
    keepAlive: true,
    connectionTimeoutMillis: CONSUMER_CONNECT_TIMEOUT_MS,
    // A queue that loses its last second in a power cut is filled again from the jobs table by the
    // maintenance job; so its many small commits need not wait for the disk.
    options: '-c search_path=bullmq -c synchronous_commit=off',
  };
  // Only what a request waits for is to fail soon.
  const asked = { connectionTimeoutMillis: ANSWER_TIMEOUT_MS, query_timeout: ANSWER_TIMEOUT_MS };
  const impatience = role === 'producer' ? asked : {};
  // Connections are what PostgreSQL has fewest of: all queues share a pool, and all that listens or consumes
  // shares another. Each consumer makes room for its jobs, so that none waits for another.
  const size =
    role === 'producer'
      ? { min: REQUEST_CONNECTIONS, max: REQUEST_CONNECTIONS }
      : { max: PRODUCER_CONNECTIONS };
  const queues = openPatientPool({ ...settings, ...impatience, ...size }, log);
  const readers = openPatientPool({ ...settings, max: READER_CONNECTIONS }, log);
  const probe = new pg.Pool({ ...settings, ...impatience, max: 1 });
  // What each queue would write of itself at a start, all at once, is BullMQ's defaults.
  const filled = { connection: queues.pool, skipMetasUpdate: true };
  probe.on('error', (error) => log.debug({ err: error }, 'queue connection'));
  return {
    kind: 'postgres',
    openQueue: (name) => {
      const queue = new Queue(name, filled, createPostgresBackend);
      survive(queue, log);
      return jobQueue(queue, () => rangeInPostgres(queues.pool, name));
    },
    openConsumer: (name, process, options) => {
      readers.makeRoom(Math.min(options.concurrency, MAX_CONSUMER_CONNECTIONS));
      const more = { connection: readers.pool, ...workerOptions(options) };
      const worker = new Worker(name, workerProcessor(process), more, createPostgresBackend);
      survive(worker, log);
      return jobConsumer(worker, options);
    },
    listen: (name, listener) => {
      const more = { connection: readers.pool, blockingTimeout: NOTIFIED_BLOCK_MS };
      const events = new QueueEvents(name, more, attentive(createPostgresBackend, readers.pool));
      survive(events, log);
      return queueSubscription(events, listener);
    },
    openBoard: (names) =>
      boardQueues(
        names.map((name) => new Queue(name, filled, createPostgresBackend)),
        log,
      ),
    ping: async () => {
      await within(probe.query('select 1'), ANSWER_TIMEOUT_MS);
    },
    close: async () => {
      await Promise.all([probe.end(), queues.end(), readers.end()]);
    },
  };
}

/** An `error` event without a listener would end the process; these are about connections that come back. */
function survive(part: { on(event: 'error', listener: (error: Error) => void): unknown }, log: Logger): void {
  part.on('error', (error) => log.warn({ err: error }, 'queue'));
}
