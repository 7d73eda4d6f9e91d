import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { Problem } from '../lib/errors.js';
import { countWorkers } from '../lib/jobs/heartbeat.js';

/** What one part says of itself: `ok`, or what is wrong. */
export type Checks = Readonly<Record<'postgres' | 'queue' | 'store' | 'worker', string>>;

/** Whether the service can take work. */
export interface Health {
  /** From now on it is not ready: the load balancer should look elsewhere. */
  drain(): void;
  readonly draining: boolean;
  /** Asks each part; none of them longer than about two seconds. */
  check(): Promise<Checks>;
}

declare module 'fastify' {
  interface FastifyInstance {
    readonly health: Health;
  }
}

/** Readiness: PostgreSQL, the queue, the store, and a worker that lives. While draining, new work is refused. */
export default fp(
  async (app) => {
    let draining = false;
    app.decorate('health', {
      drain: () => {
        draining = true;
      },
      get draining() {
        return draining;
      },
      check: () => check(app),
    } satisfies Health);
    app.addHook('onRequest', (request, _reply, done) => {
      const isNewWork = draining && request.method !== 'GET' && request.method !== 'HEAD';
      done(
        isNewWork
          ? new Problem('SHUTTING_DOWN', 'The server takes no new work; try another.', { retryAfter: 5 })
          : undefined,
      );
    });
  },
  { name: 'health', dependencies: ['postgres', 'queues', 'storage'] },
);

async function check(app: FastifyInstance): Promise<Checks> {
  const workers = app.database.query('workers.count', countWorkers);
  const parts = {
    postgres: workers.then(() => 'ok'),
    queue: app.queueBackend.ping().then(() => 'ok'),
    store: app.store.check().then(() => 'ok'),
    worker: workers.then((count) => (count > 0 ? 'ok' : 'no worker is alive')),
  };
  const entries = Object.entries(parts).map(
    async ([name, part]) => [name, await part.catch((error: unknown) => why(error))] as const,
  );
  return {
    postgres: 'ok',
    queue: 'ok',
    store: 'ok',
    worker: 'ok',
    ...Object.fromEntries(await Promise.all(entries)),
  };
}

/** Public: a problem's own words, and of other errors only that there is one. */
function why(error: unknown): string {
  return error instanceof Problem ? error.message : 'does not answer';
}
