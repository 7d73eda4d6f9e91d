import type { Sql } from 'postgres';
import { connect } from '../helpers/embedded-postgres.js';
import type { RedisServer } from '../helpers/redis-server.js';
import { type Service, type ServiceOptions, startService } from '../helpers/service.js';
import { startPostgres, startRedis, type TestPostgres } from '../helpers/services.js';
import type { FaultRun } from './fault.js';

/** A service under a fault, with servers of its own that can be hurt. */
export interface Served {
  readonly service: Service;
  readonly postgres: TestPostgres;
  readonly redis: RedisServer | undefined;
  /** Looks at the record behind the service's back. */
  readonly sql: Sql;
  /** Starts a service on the same data: again after an end, or beside the first. */
  start(more?: ServiceOptions): Promise<Service>;
}

/** Starts PostgreSQL, Redis where it is the queue, and a service. All are real, and durable. */
export async function startServed(run: FaultRun, options: ServiceOptions = {}): Promise<Served> {
  const postgres = await startPostgres(run, { durable: true });
  const redis = run.backend === 'redis' ? await startRedis(run, { persistent: true }) : undefined;
  const given: ServiceOptions = {
    databaseUrl: postgres.url,
    ...(redis && { redisUrl: redis.url }),
    ...options,
  };
  const service = await startService(run, given);
  return {
    service,
    postgres,
    redis,
    sql: connect(run, postgres.url),
    start: (more = {}) =>
      startService(run, {
        ...given,
        dataDir: service.dataDir,
        ...more,
        env: { ...given.env, ...more.env },
      }),
  };
}
