import t from 'tap';
import { newId } from '../../../lib/ids.js';
import { cancelJob } from '../../../lib/jobs/cancel.js';
import { Cancelled } from '../../../lib/jobs/cancelled.js';
import type { RenditionSummary } from '../../../lib/jobs/job.js';
import { openJobRecorder } from '../../../lib/jobs/recorder.js';
import { openJobWorld } from '../../helpers/jobs.js';

const world = await openJobWorld(t);
const recorder = openJobRecorder(world.database, newId());

function rendition(width: number): RenditionSummary {
  return {
    id: newId(),
    name: null,
    contentType: 'image/webp',
    width,
    height: width,
    bytes: 100,
    url: '/v1/images/x',
  };
}

t.test('jobs that begin and end together share a statement, and each gets its own answer', async (t) => {
  const jobs = await Promise.all(['small', 'medium', 'large'].map((preset) => world.newJob([preset])));
  const gone = newId();
  const begun = await Promise.all(
    [...jobs.map(({ id }) => id), gone].map((id) => recorder.start({ id, attempt: 1 })),
  );
  t.match(begun, [...jobs.map(({ id }) => ({ id, state: 'active', attemptsMade: 1 })), undefined]);

  const [one, two, cancelled] = jobs;
  await cancelJob(world, 'default', cancelled?.id ?? '');
  const end = (id = '', width = 1) =>
    recorder.complete({ id, result: { imageId: id, renditions: [rendition(width)] } });
  const ends = await Promise.allSettled([
    end(one?.id, 10),
    end(two?.id, 20),
    end(cancelled?.id, 30),
    end(gone),
    end(two?.id, 40),
  ]);
  t.same(
    ends.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  );
  t.match(ends[2], { reason: Cancelled });
  const read = await Promise.all(jobs.map((job) => world.read(job)));
  t.match(read, [
    { state: 'completed', progress: 100, version: 3, result: { renditions: [{ width: 10 }] } },
    { state: 'completed', progress: 100, version: 3 },
    { state: 'active', result: null },
  ]);

  await end(one?.id, 50);
  t.same(await world.read(jobs[0] ?? { id: '' }), read[0], 'what has ended stays');
});

t.test('to take jobs reads them and not the backlog, whatever the statistics say', async (t) => {
  const { database } = world;
  const reads = (): Promise<number> =>
    database.query('tests.reads', async (sql) => {
      await sql`select pg_stat_force_next_flush()`;
      const [row] = await sql<{ reads: number }[]>`
        select seq_tup_read + idx_tup_fetch as reads from pg_stat_user_tables where relname = 'jobs'`;
      return row?.reads ?? 0;
    });
  const ids = await database.query('tests.backlog', async (sql) => {
    await sql`analyze jobs`;
    const rows = await sql<{ id: string }[]>`
      insert into jobs (id, tenant_id, type, state, priority, attempts_max, request)
      select gen_random_uuid(), 'default', 'resize', 'queued', 'normal', 3, '{}' from generate_series(1, 5000)
      returning id`;
    return rows.slice(0, 20).map(({ id }) => id);
  });
  const before = await reads();
  await Promise.all(ids.map((id) => recorder.start({ id, attempt: 1 })));
  await Promise.all(ids.map((id) => recorder.complete({ id, result: { imageId: id, renditions: [] } })));
  t.ok((await reads()) - before <= 10 * ids.length, 'a few reads a job');
});
