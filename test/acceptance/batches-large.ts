import type { Sql } from 'postgres';
import type { Test } from 'tap';
import { retryPath } from '../../lib/paths.js';
import { ended, upload } from '../helpers/client.js';
import { type Api, openApi } from '../helpers/contract.js';
import { migratedDatabase } from '../helpers/database.js';
import { connect } from '../helpers/embedded-postgres.js';
import { eventually } from '../helpers/events.js';
import { hasty, jobWhen, workerPid } from '../helpers/faults.js';
import { noise } from '../helpers/pictures.js';
import { type Service, type ServiceOptions, startService } from '../helpers/service.js';
import { type Asked, askBatch, membersOf, resultOf } from './batches.js';

/** Three chunks. */
const MANY = 1_260;
const COUNT = 8;
/** A moment of work. */
const slow = { width: 800, format: 'webp', effort: 4 };
/** What comes after: an export of one format. */
const steps = [{ export: { dataset: 'renditions', format: 'csv' } }];

/** What must hold of batches with two workers, of which one is killed. */
export async function largeBatches(t: Test, options: ServiceOptions): Promise<void> {
  const databaseUrl = await migratedDatabase(t);
  const sql = connect(t, databaseUrl);
  // Three processes share the connections of one server.
  const env = { ...hasty, RESIZE_THREADS: '1', DATABASE_POOL_SIZE: '4' };
  const service = await startService(t, { ...options, databaseUrl, env });
  const { dataDir } = service;
  await startService(t, { ...options, databaseUrl, dataDir, env: { ...env, ROLE: 'worker' } });
  const api = await openApi(service.url);

  await t.test('a worker that is killed while it makes members leaves each of them once', async (t) => {
    const images = await insertImages(sql);
    const { body } = await askBatch(api, { images, presets: ['thumbnail'] });
    const victim = await workerPid(service);
    await eventually(async () => ((await countMembers(sql, body.job.id)) > 0 ? true : undefined));
    process.kill(victim, 'SIGKILL');
    await eventually(async () => ((await countMembers(sql, body.job.id)) === MANY ? true : undefined));
    const job = await cancelled(service, api, body.job.id);
    const { total, completed, failed, cancelled: left } = resultOf(job).members;
    t.equal(total, MANY);
    t.equal(completed + failed + left, MANY);
    const rows = await sql`
      select count(*)::int as members, count(distinct image_id)::int as images,
        count(*) filter (where state in ('queued', 'active'))::int as unfinished
      from jobs where parent_id = ${job.id}`;
    t.same(rows, [{ members: MANY, images: MANY, unfinished: 0 }]);
  });

  await t.test('cancelled while it runs, and begun anew', async (t) => {
    const images: string[] = [];
    for (let count = 0; count < COUNT; count++)
      images.push((await upload(api, await noise(900, 900).jpeg().toBuffer())).body.image.id);
    // biome-ignore lint/suspicious/noThenProperty: the contract's name.
    const { body } = await askBatch(api, { images, renditions: [slow], then: steps });
    const { links } = body.job;
    const moving = await jobWhen(service.url, body.job, ({ progress }) => progress > 0);
    t.match(moving, { state: 'active' }, 'progress moves while members end');
    const job = await cancelled(service, api, body.job.id);
    const { members } = resultOf(job);
    t.ok(members.completed < COUNT && members.cancelled > 0, JSON.stringify(members));
    t.match(resultOf(job).steps, [{ state: 'skipped', jobId: null }]);
    const states = (await membersOf(api, job)).map(({ state }) => state);
    t.equal(states.filter((state) => state === 'cancelled').length, members.cancelled);
    t.equal((await api(links.self, { method: 'DELETE' })).status, 200, 'again is harmless');

    const answer = await api<Asked>(retryPath(job.id), { method: 'POST' });
    t.equal(answer.status, 202);
    const again = await ended(api, answer.body.job);
    t.match(again, { state: 'completed', progress: 100, error: null });
    t.same(resultOf(again).members, { total: COUNT, completed: COUNT, failed: 0, cancelled: 0 });
    t.match(resultOf(again).steps, [{ state: 'completed' }]);
    t.equal((await membersOf(api, again)).length, COUNT, 'by the same members');
  });
}

/** Cancels a batch and waits until it is. */
async function cancelled(service: Service, api: Api, id: string) {
  const { status } = await api(`/v1/jobs/${id}`, { method: 'DELETE' });
  if (status !== 200 && status !== 202) throw new Error(`DELETE was answered ${status}`);
  return jobWhen(service.url, { id }, ({ state }) => state === 'cancelled');
}

async function countMembers(sql: Sql, id: string): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from jobs where parent_id = ${id}`;
  return row?.count ?? 0;
}

/** Images without files: what a batch has to know of them stands in their rows. */
async function insertImages(sql: Sql): Promise<string[]> {
  await sql`
    insert into blobs (sha256, bytes, reference_count)
    select encode(sha256(n::text::bytea), 'hex'), 1000, 1 from generate_series(1, ${MANY}::integer) n`;
  const rows = await sql<{ id: string }[]>`
    insert into images
      (id, tenant_id, sha256, filename, content_type, bytes, width, height, orientation, has_alpha, pages, metadata)
    select gen_random_uuid(), 'default', encode(sha256(n::text::bytea), 'hex'), 'row.jpg', 'image/jpeg', 1000,
      400, 300, 1, false, 1, '{}' from generate_series(1, ${MANY}::integer) n
    returning id`;
  return rows.map(({ id }) => id);
}
