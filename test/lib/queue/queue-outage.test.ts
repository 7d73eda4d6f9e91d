import t, { type Test } from 'tap';
import { eventually, Recorder } from '../../helpers/events.js';
import { migrateTestDatabase } from '../../helpers/migrate.js';
import { openTestQueue, type QueueAddress, someJob } from '../../helpers/queue.js';
import { startPostgres, startRedis } from '../../helpers/services.js';

/** A backend's server that a test may stop. */
interface Server {
  readonly address: QueueAddress;
  stop(): Promise<void>;
  restart(): Promise<void>;
}

async function postgresServer(t: Test): Promise<Server> {
  const server = await startPostgres(t);
  await migrateTestDatabase(server.url);
  return { ...server, address: { databaseUrl: server.url, redisUrl: undefined } };
}

async function redisServer(t: Test): Promise<Server> {
  const server = await startRedis(t);
  return { stop: server.kill, restart: server.restart, address: { databaseUrl: '', redisUrl: server.url } };
}

const MAX_ANSWER_MS = 2_000;

for (const [kind, start] of Object.entries({ postgres: postgresServer, redis: redisServer })) {
  t.test(`${kind}: an outage is noticed within two seconds, and everything goes on after it`, async (t) => {
    const server = await start(t);
    const { queue, backend, consume, listen } = openTestQueue(t, server.address);
    const [deliveries, heard] = [new Recorder<string>(), new Recorder<string>()];
    consume(async ({ id }) => deliveries.add(id));
    listen(heard.add);
    const [before, after] = [someJob(), someJob()];
    await eventually(() => queue.add([before]).then(() => true));
    await deliveries.length(1);
    await t.resolves(backend.ping());

    await server.stop();
    await rejectsSoon(t, 'ping', () => backend.ping());
    await rejectsSoon(t, 'add', () => queue.add([after]));

    await server.restart();
    await eventually(() => backend.ping().then(() => true));
    await eventually(() => queue.add([after]).then(() => true));
    await deliveries.until((ids) => ids.includes(after.id));
    // Events are told only to who listens: a listener that has come back hears of later jobs.
    const later = new Set<string>();
    await eventually(async () => {
      const job = someJob();
      later.add(job.id);
      await queue.add([job]);
      return heard.items.some((id) => later.has(id)) || undefined;
    });
  });
}

t.test('redis: one that is frozen is noticed as well', async (t) => {
  const server = await startRedis(t);
  const { queue, backend } = openTestQueue(t, { databaseUrl: '', redisUrl: server.url });
  await eventually(() => backend.ping().then(() => true));
  server.pause();
  await rejectsSoon(t, 'ping', () => backend.ping());
  await rejectsSoon(t, 'add', () => queue.add([someJob()]));
  server.resume();
  await eventually(() => backend.ping().then(() => true));
});

async function rejectsSoon(t: Test, name: string, run: () => Promise<void>): Promise<void> {
  const started = performance.now();
  await t.rejects(run(), name);
  const ms = performance.now() - started;
  t.ok(ms < MAX_ANSWER_MS, `${name} took ${Math.round(ms)} ms`);
}
