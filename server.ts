import { setFlagsFromString } from 'node:v8';
import type { FastifyInstance } from 'fastify';
import { buildApp } from './app.js';
import { type Config, ConfigError, loadConfig } from './lib/config.js';
import { type Database, openDatabase } from './lib/database/client.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './lib/database/embedded-postgres.js';
import { migrate } from './lib/database/migrate.js';
import { prepareTenantRole } from './lib/database/tenant-role.js';
import { recordCrash } from './lib/jobs/repository.js';
import { ADMIN_KEY_FILE, ensureFirstKey } from './lib/keys/first-key.js';
import { createLogger, type Logger } from './lib/logger.js';
import { migrateQueues } from './lib/queue/backend.js';
import { setDefaultQuotas } from './lib/tenants/repository.js';
import { type Supervisor, startSupervisor } from './workers/supervisor.js';

// Uploads pass through buffers outside V8's heap, and V8 collects the whole heap when those that it has
// not looked at yet outgrow it by its usual tenth or so: with a heap as small as ours every ten uploads,
// at half of the CPU time that uploads take. Let it grow to twice what is live before that.
setFlagsFromString('--heap-growing-percent=100');
// A collection of young objects is half a millisecond's work. Shared among threads it takes longer on a machine that is
// busy: the event loop waits until each of them has had a CPU.
setFlagsFromString('--no-parallel-scavenge');

const IDLE_CHECK_MS = 100;
const PRIVATE_HOSTS =
  'ALLOW_PRIVATE_HOSTS is on: URLs of clients lead to private addresses and to every port; it is for development only';
const MIGRATIONS = new URL('../migrations/', import.meta.url);

/** What runs, in the order it was started. */
interface Service {
  readonly postgres: EmbeddedPostgres | undefined;
  readonly supervisor: Supervisor | undefined;
  readonly app: FastifyInstance;
  readonly address: string;
  /** The first key, where this start made it. */
  readonly newKey: string | undefined;
}

/** Starts what the role needs. What had started when something fails is stopped again. */
async function start(config: Config, log: ReturnType<typeof createLogger>): Promise<Service> {
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const postgres =
      config.databaseUrl === undefined
        ? await startEmbeddedPostgres({
            dataDir: `${config.dataDir}/postgres`,
            log: (line) => log.debug({ postgres: line }, 'embedded postgres'),
          })
        : undefined;
    if (postgres) stops.push(() => postgres.stop());
    const databaseUrl = config.databaseUrl ?? postgres?.url ?? '';
    const after = config.redisUrl === undefined ? migrateQueues : async () => undefined;
    await migrate({ url: databaseUrl, folder: MIGRATIONS, after, log });

    const newKey = await settleTenants(config, databaseUrl, log);
    const supervisor = config.role === 'api' ? undefined : supervise(config, databaseUrl, log);
    if (supervisor) stops.push(() => supervisor.stop(0));
    const app = await buildApp(config, {
      log,
      databaseUrl,
      workerMetrics: async () => (await supervisor?.metrics()) ?? [],
    });
    stops.push(() => app.close());
    const address = await app.listen({ host: config.host, port: config.port });
    return { postgres, supervisor, app, address, newKey };
  } catch (error) {
    for (const stop of stops.reverse()) await stop().catch(() => undefined);
    throw error;
  }
}

function supervise(config: Config, databaseUrl: string, log: Logger): Supervisor {
  const onCrash = async (workerId: string): Promise<void> => {
    await withDatabase(config, databaseUrl, log, (database) =>
      database.query('jobs.recordCrash', (sql) => recordCrash(sql, workerId)),
    );
  };
  return startSupervisor({ config, databaseUrl, log, onCrash });
}

/**
 * Sees to it that tenants are kept apart, that quotas are as they are set, and that somebody can get in.
 *
 * @returns the key that was made for that
 */
async function settleTenants(config: Config, databaseUrl: string, log: Logger): Promise<string | undefined> {
  const quotas = {
    bytes: config.quotaBytes,
    images: config.quotaImages,
    queuedJobs: config.quotaQueuedJobs,
    megapixelsAnHour: config.quotaMegapixelsAnHour,
  };
  return withDatabase(config, databaseUrl, log, async (database) => {
    if (config.rowSecurity === 'on') await database.transaction('tenants.prepareRole', prepareTenantRole);
    if (config.role === 'worker') return undefined;
    await database.transaction('tenants.setDefaultQuotas', (sql) => setDefaultQuotas(sql, quotas));
    return config.auth === 'off' ? undefined : ensureFirstKey({ ...config, database });
  });
}

/** A connection for one thing that this process does before there is an app, or beside it. */
async function withDatabase<T>(
  { statementTimeoutMs, slowQueryMs }: Config,
  url: string,
  log: Logger,
  run: (database: Database) => Promise<T>,
): Promise<T> {
  const applicationName = 'halftone-supervisor';
  const database = openDatabase({ url, applicationName, poolSize: 1, statementTimeoutMs, slowQueryMs, log });
  return run(database).finally(() => database.close());
}

/** Stops everything in order: no new work, active jobs end, requests end, then the database. */
async function stop({ app, supervisor, postgres }: Service, config: Config, log: Logger): Promise<void> {
  const deadline = Date.now() + config.shutdownSeconds * 1000;
  const left = (): number => Math.max(0, deadline - Date.now());
  app.health.drain();
  await supervisor?.stop(left());
  const cut = setTimeout(() => {
    log.warn('requests did not end in time; their connections are cut');
    app.server.closeAllConnections();
  }, left());
  // A connection that was busy when the server closed is idle after its answer, and its client keeps it.
  const idle = setInterval(() => app.server.closeIdleConnections(), IDLE_CHECK_MS);
  await app.close();
  clearInterval(idle);
  clearTimeout(cut);
  await postgres?.stop();
}

/** What someone who has just typed `npm start` wants to know. */
function greet({ address, postgres, newKey }: Service, config: Config): void {
  const queue = config.redisUrl === undefined ? 'PostgreSQL' : 'Redis';
  const database = postgres ? `embedded PostgreSQL on port ${postgres.port}` : 'PostgreSQL at DATABASE_URL';
  const threads = `${config.resizeThreads} resize thread${config.resizeThreads === 1 ? '' : 's'}`;
  const lines = [
    '',
    `  Halftone listens on ${address}   (role ${config.role})`,
    `  documentation       ${address}/docs`,
    `  data folder         ${config.dataDir}`,
    `  database            ${database}`,
    `  queue               ${queue}${config.role === 'api' ? '' : `, ${threads}`}`,
    ...(newKey === undefined ? [] : [`  admin key           ${newKey}   (shown this once)`]),
    ...(config.role === 'worker'
      ? []
      : [
          '',
          '  Try it:',
          `    curl ${keyOption(config)}-F file=@photo.jpg -F preset=thumbnail -F preset=large ${address}/v1/images`,
        ]),
    '',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** How curl sends the operator's key, without showing it. */
function keyOption({ auth, adminApiKey, dataDir }: Config): string {
  if (auth === 'off') return '';
  const key = adminApiKey === undefined ? `$(cat '${dataDir}/${ADMIN_KEY_FILE}')` : '$ADMIN_API_KEY';
  return `-H "Authorization: Bearer ${key}" `;
}

async function main(): Promise<void> {
  const config = loadConfig();
  const log = createLogger('api', { level: config.logLevel, pretty: process.stdout.isTTY });
  if (config.allowPrivateHosts) log.warn(PRIVATE_HOSTS);
  const service = await start(config, log);
  greet(service, config);
  // Docker's exit codes: 128 and the signal's number.
  const numbers = { SIGINT: 2, SIGTERM: 15 } as const;
  let stopping = false;
  const onSignal = (signal: keyof typeof numbers): void => {
    if (stopping) endAtOnce(service, 128 + numbers[signal]);
    stopping = true;
    log.info({ signal }, 'shutting down');
    stop(service, config, log).then(
      () => process.exit(0),
      (error) => {
        log.fatal({ err: error }, 'shutdown failed');
        endAtOnce(service, 1);
      },
    );
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  service.postgres?.onExit((reason) => {
    if (stopping) return;
    log.fatal({ reason }, 'the embedded database ended');
    endAtOnce(service, 1);
  });
}

/** The second signal, or a fault from which there is no orderly way: nothing of ours is left running. */
function endAtOnce({ supervisor, postgres }: Service, code: number): never {
  for (const [pid, signal] of [
    [supervisor?.pid, 'SIGKILL'],
    [postgres?.pid, 'SIGQUIT'],
  ] as const) {
    try {
      if (pid !== undefined) process.kill(pid, signal);
    } catch {
      // It had ended by itself.
    }
  }
  process.exit(code);
}

main().catch((error: unknown) => {
  const text = error instanceof ConfigError ? error.message : error;
  console.error('Halftone did not start:', text);
  process.exit(1);
});
