import t from 'tap';
import { Problem } from '../../../lib/errors.js';
import { presentImage } from '../../../lib/images/image.js';
import { deleteImage, findImage } from '../../../lib/images/repository.js';
import { type JobRow, presentJob } from '../../../lib/jobs/job.js';
import { completeJob, failJob } from '../../../lib/jobs/repository.js';
import { deleteWebhook, updateWebhook } from '../../../lib/webhooks/repository.js';
import { openNotifyWorld } from '../../helpers/notifications.js';

const world = await openNotifyWorld(t);
const { database } = world;

const written = (): Promise<number> =>
  database.query('outbox.count', async (sql) => {
    const [row] = await sql<{ count: number }[]>`select count(*) as count from outbox`;
    return row?.count ?? 0;
  });

const complete = (job: JobRow): Promise<boolean> =>
  database.query('jobs.complete', (sql) =>
    completeJob(sql, job.id, { imageId: job.imageId ?? '', renditions: [] }),
  );

/** What the outbox has to tell, by type. */
async function told(): Promise<{ type: string; to: unknown; body: string }[]> {
  const jobs = await world.emptyOutbox();
  const deliveries = await Promise.all(jobs.map((job) => world.delivery(job)));
  return deliveries
    .map(({ type, webhookId, mail, payload }) => ({ type, to: webhookId ?? mail?.to, body: payload }))
    .sort((a, b) => (a.type < b.type ? -1 : 1));
}

await t.test('where nobody is to be told, nothing is written', async (t) => {
  await complete(await world.newJob());
  t.equal(await written(), 0);
  t.same(await told(), []);
});

await t.test('each is told what it is subscribed to, as the API shows it', async (t) => {
  const { row: all } = await world.newWebhook('http://127.0.0.1:9/');
  const { row: failures } = await world.newWebhook('http://127.0.0.1:9/', ['job.failed', 'image.deleted']);
  const { row: off } = await world.newWebhook('http://127.0.0.1:9/');
  await database.query('webhooks.off', (sql) => updateWebhook(sql, 'default', off.id, { enabled: false }));

  const [good, bad] = [await world.newJob(), await world.newJob()];
  const image = await database.query('images.find', (sql) => findImage(sql, 'default', good.imageId ?? ''));
  if (!image) throw new Error('the image is gone');
  await complete(good);
  await database.query('jobs.fail', (sql) =>
    failJob(sql, bad.id, new Problem('IMAGE_CORRUPT', 'why').toJSON()),
  );
  await complete(good);
  await deleteImage(database, world.store, 'default', image.id);

  const events = await told();
  t.same(
    events.map(({ type, to }) => [type, to]),
    [
      ['image.created', all.id],
      ['image.created', all.id],
      ['image.deleted', all.id],
      ['image.deleted', failures.id],
      ['job.completed', all.id],
      ['job.failed', all.id],
      ['job.failed', failures.id],
    ].sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
  );
  const bodies = events.map(({ body }) => JSON.parse(body));
  for (const { type, timestamp } of bodies) t.match(timestamp, /^\d{4}-.*\.\d{3}Z$/, type);
  t.same(bodies.find(({ type }) => type === 'job.completed').data, presentJob(await world.read(good)));
  t.same(bodies.find(({ type }) => type === 'job.failed').data, presentJob(await world.read(bad)));
  t.same(bodies.find(({ type }) => type === 'image.deleted').data, presentImage(image));
  t.same(await told(), [], 'once');
});

await t.test('a change that is undone is not told', async (t) => {
  const job = await world.newJob();
  await told();
  const undone = database.transaction('jobs.complete', async (sql) => {
    await completeJob(sql, job.id, { imageId: job.imageId ?? '', renditions: [] });
    throw new Error('undo it');
  });
  await t.rejects(undone, /undo it/);
  t.same(await told(), []);
});

await t.test('whom a job names is told beside the others, once', async (t) => {
  const { row: named } = await world.newWebhook('http://127.0.0.1:9/', ['image.deleted']);
  const { row: both } = await world.newWebhook('http://127.0.0.1:9/', ['job.completed']);
  for (const webhookId of [named.id, both.id]) {
    const job = await world.newJob();
    await database.query(
      'jobs.notify',
      (sql) =>
        sql`update jobs set notify = ${JSON.stringify({ webhookId, email: ['a@example.com'] })}::text::jsonb where id = ${job.id}`,
    );
    await complete(job);
    const events = (await told()).filter(({ type }) => type === 'job.completed');
    t.equal(events.filter(({ to }) => to === webhookId).length, 1);
    const mail = events.filter(({ to }) => Array.isArray(to));
    t.match(mail, [{ to: ['a@example.com'], body: new RegExp(`${job.id} has been completed`) }]);
  }
});

await t.test('two that empty it at once: each event is told once', async (t) => {
  const { row } = await world.newWebhook('http://127.0.0.1:9/', ['job.completed']);
  const jobs = await Promise.all(Array.from({ length: 25 }, () => world.newJob()));
  await Promise.all(jobs.map(complete));
  const rounds = await Promise.all(Array.from({ length: 4 }, () => told()));
  const ids = rounds
    .flat()
    .filter(({ to }) => to === row.id)
    .map(({ body }) => JSON.parse(body).data.id);
  t.equal(ids.length, 25);
  t.same(new Set(ids), new Set(jobs.map(({ id }) => id)));
});

await t.test('a webhook that is deleted takes its deliveries with it', async (t) => {
  const { row } = await world.newWebhook('http://127.0.0.1:9/');
  const job = await world.newDelivery(row.id);
  t.equal(
    await database.transaction('webhooks.delete', (sql) => deleteWebhook(sql, 'default', row.id)),
    true,
  );
  t.match(await world.read(job), { state: 'cancelled' });
  await t.rejects(world.delivery(job));
  await world.bring(job);
  t.match(await world.read(job), { state: 'cancelled' });
});
