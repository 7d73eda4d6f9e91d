import { openDatabase } from '../../lib/database/client.js';
import { recordCrash } from '../../lib/jobs/repository.js';
import { type Supervisor, startSupervisor } from '../../workers/supervisor.js';
import { testConfig } from './config.js';
import { type LogLine, Recorder, recordingLogger } from './events.js';
import { type Service, type ServiceOptions, startService } from './service.js';
import type { Teardown } from './services.js';

/** An API, and a worker whose threads can be poisoned. */
export interface PoisonedService {
  readonly service: Service;
  readonly supervisor: Supervisor;
  readonly logged: Recorder<LogLine>;
  /** The jobs blamed at each crash of the worker process. */
  readonly crashes: Recorder<readonly string[]>;
}

/** Starts an API process, and a worker process under a supervisor of the test's own. */
export async function startPoisoned(
  t: Teardown,
  env: Readonly<{ [name: string]: string }>,
  options: Pick<ServiceOptions, 'databaseUrl'> = {},
): Promise<PoisonedService> {
  const service = await startService(t, { ...options, env: { ...env, ROLE: 'api' } });
  const databaseUrl = service.databaseUrl ?? '';
  const { log, lines: logged } = recordingLogger();
  const database = openDatabase({
    url: databaseUrl,
    applicationName: 'halftone-test',
    poolSize: 1,
    statementTimeoutMs: 5_000,
    slowQueryMs: 5_000,
    log,
  });
  t.teardown(() => database.close(1));
  const crashes = new Recorder<readonly string[]>();
  const config = testConfig({ ...env, DATA_DIR: service.dataDir, LOG_LEVEL: 'silent' });
  const supervisor = startSupervisor({
    config,
    databaseUrl,
    log,
    entry: new URL('./poison-worker.js', import.meta.url),
    onCrash: async (worker) =>
      crashes.add(await database.query('jobs.recordCrash', (sql) => recordCrash(sql, worker))),
  });
  t.teardown(() => supervisor.stop(10_000));
  await supervisor.ready;
  return { service, supervisor, logged, crashes };
}
