import t, { type Test } from 'tap';
import type { Database } from '../../../lib/database/client.js';
import { newId } from '../../../lib/ids.js';
import { EventFeed } from '../../../lib/jobs/event-feed.js';
import type { EventSink } from '../../../lib/jobs/events.js';
import type { JobRow } from '../../../lib/jobs/job.js';
import { advanceJob, failJob, insertJob } from '../../../lib/jobs/repository.js';
import { outsider } from '../../../lib/keys/caller.js';
import { openTestDatabase } from '../../helpers/database.js';
import { connect } from '../../helpers/embedded-postgres.js';
import { latch, Recorder, recordingLogger } from '../../helpers/events.js';

const { url, database } = await openTestDatabase(t);
const everything = {};
for (const id of ['nobody', 'order', 'old', 'back', 'mine', 'theirs', 'quiet', 'removed', 'gone'])
  await database.query('test', (sql) => sql`insert into tenants (id) values (${id})`);

/** A sink that keeps what it is told: `<state> <progress>` by id. */
class Listener implements EventSink {
  closed = false;
  readonly told = new Recorder<{ id: string; what: string; job: string }>();
  readonly end = (): void => {
    this.closed = true;
  };

  get what(): string[] {
    return this.told.items.map(({ what }) => what);
  }

  write(text: string | Buffer): void {
    for (const [, id = '', data = ''] of String(text).matchAll(/^id: (.*)\nevent: .*\ndata: (.*)$/gm)) {
      const job = JSON.parse(data);
      this.told.add({ id, what: `${job.state} ${job.progress}`, job: job.id });
    }
  }

  async drained(): Promise<void> {}
}

function openFeed(t: Test, on: Database = database, keptMs = 60_000): EventFeed {
  const feed = new EventFeed({ database: on, keptMs, log: recordingLogger().log });
  t.teardown(() => feed.close());
  return feed;
}

async function newJob(tenantId: string): Promise<JobRow> {
  return database.query('test', (sql) =>
    insertJob(sql, {
      id: newId(),
      tenantId,
      type: 'export',
      priority: 'normal',
      attemptsMax: 1,
      imageId: null,
      requestId: null,
      traceparent: null,
      request: { exportId: newId() },
    }),
  );
}

const advance = (job: JobRow, progress: number) =>
  database.query('test', (sql) => advanceJob(sql, job.id, progress));
const start = (job: JobRow) =>
  database.query(
    'test',
    (sql) => sql`update jobs set state = 'active', version = version + 1 where id = ${job.id}`,
  );
const fail = (job: JobRow) =>
  database.query('test', (sql) =>
    failJob(sql, job.id, { type: '', title: '', status: 500, detail: '', code: 'INTERNAL' }),
  );

async function followTenant(feed: EventFeed, tenantId: string, lastId?: string): Promise<Listener> {
  const listener = new Listener();
  (await feed.followTenant({ tenantId, role: 'reader' }, everything, lastId)).begin(listener);
  return listener;
}

t.test('nothing is read while nobody follows', async (t) => {
  const queries: string[] = [];
  const counted: Database = {
    ...database,
    query: (name, run) => {
      queries.push(name);
      return database.query(name, run);
    },
  };
  const feed = openFeed(t, counted);
  feed.poke(newId());
  const { stop } = await feed.followTenant({ tenantId: 'nobody', role: 'reader' }, everything, undefined);
  stop();
  const { length } = queries;
  t.ok(length > 0);
  feed.poke(newId());
  feed.followJob(newId(), 1, outsider, new Listener())();
  await advance(await newJob('nobody'), 1);
  t.equal(queries.length, length);
});

t.test('transactions that commit in another order lose nothing and hold nothing up', async (t) => {
  const feed = openFeed(t);
  const [late, soon] = [await newJob('order'), await newJob('order')];
  await start(late);
  await start(soon);
  const listener = await followTenant(feed, 'order');
  const [own, other] = [new Listener(), new Listener()];
  feed.followJob(late.id, 2, outsider, own);
  feed.followJob(soon.id, 2, outsider, other);

  // The first to write has the lower transaction id and the lower event id, and commits last.
  const held = connect(t, url);
  const [written, release] = [latch(), latch()];
  const transaction = held.begin(async (sql) => {
    await sql`update jobs set progress = 10, version = version + 1 where id = ${late.id}`;
    written.open();
    await release.opened;
  });
  await written.opened;
  await advance(soon, 20);
  feed.poke(soon.id);
  await listener.told.length(1);
  await other.told.length(1);
  t.same(listener.what, ['active 20'], 'it waits for no other transaction');
  const [{ id = '' } = {}] = listener.told.items;

  release.open();
  await transaction;
  feed.poke(late.id);
  await listener.told.length(2);
  await own.told.length(1);
  t.same([listener.what, own.what, other.what], [['active 20', 'active 10'], ['active 10'], ['active 20']]);

  const resumed = await followTenant(feed, 'order', id);
  await resumed.told.length(1);
  t.same(resumed.what, ['active 10'], 'nor is it lost to who comes back between');
});

t.test('changes of one job are in order, whichever transaction began first', async (t) => {
  const feed = openFeed(t);
  const job = await newJob('old');
  await start(job);
  const listener = await followTenant(feed, 'old');
  const held = connect(t, url);
  const [written, release] = [latch(), latch()];
  const transaction = held.begin(async (sql) => {
    // It has its id before the other one, and changes the job after it.
    await sql`select pg_current_xact_id()`;
    written.open();
    await release.opened;
    await sql`update jobs set progress = 90, version = version + 1 where id = ${job.id}`;
  });
  await written.opened;
  await advance(job, 50);
  release.open();
  await transaction;
  feed.poke(job.id);
  await listener.told.length(2);
  t.same(listener.what, ['active 50', 'active 90']);
});

t.test('who comes back after any event gets the others, once', async (t) => {
  const feed = openFeed(t);
  const listener = await followTenant(feed, 'back');
  const jobs = await Promise.all(Array.from({ length: 20 }, () => newJob('back')));
  await Promise.all(
    jobs.map(async (job) => {
      await start(job);
      await advance(job, 50);
      await fail(job);
    }),
  );
  feed.poke(jobs[0]?.id ?? '');
  const all = await listener.told.length(80);
  for (let position = 0; position < 80; position += 7) {
    const resumed = await followTenant(feed, 'back', all[position]?.id);
    const rest = all.slice(position + 1).map(({ what, job }) => ({ what, job }));
    await resumed.told.length(rest.length);
    // What is missed can come in another order, but each job's own.
    const byJob = (told: readonly { job: string; what: string }[]): unknown =>
      jobs.map(({ id }) => told.filter(({ job }) => job === id).map(({ what }) => what));
    t.same(byJob(resumed.told.items), byJob(rest));
  }
});

t.test('a tenant sees its own jobs only', async (t) => {
  const feed = openFeed(t);
  const [mine, theirs] = [await followTenant(feed, 'mine'), await followTenant(feed, 'theirs')];
  const job = await newJob('mine');
  await newJob('theirs');
  await start(job);
  feed.poke(job.id);
  await mine.told.length(2);
  await theirs.told.length(1);
  t.same([mine.what, theirs.what], [['queued 0', 'active 0'], ['queued 0']]);
  await t.rejects(feed.startOfJob({ tenantId: 'theirs', role: 'reader' }, job.id, undefined), {
    code: 'JOB_NOT_FOUND',
  });
});

t.test('without a word of the queue events come all the same', async (t) => {
  const feed = openFeed(t);
  const job = await newJob('quiet');
  const [listener, own] = [await followTenant(feed, 'quiet'), new Listener()];
  feed.followJob(job.id, 1, outsider, own);
  await start(job);
  await fail(job);
  await listener.told.length(2);
  await own.told.length(2);
  t.same(own.what, ['active 0', 'failed 0']);
  t.ok(own.closed, 'the job has ended');
});

t.test('what is kept no longer: the job as it stands, or 410 for a tenant', async (t) => {
  const feed = openFeed(t, database, -1);
  const job = await newJob('removed');
  const { id } = await feed.followTenant({ tenantId: 'removed', role: 'reader' }, everything, undefined);
  await start(job);
  await advance(job, 30);
  await advance(job, 60);
  await database.query('test', (sql) => sql`delete from job_events where job_id = ${job.id} and version < 4`);
  const begun = await Promise.all(
    [undefined, '1', '2', '3', '4', '7'].map((last) =>
      feed.startOfJob({ tenantId: 'removed', role: 'reader' }, job.id, last),
    ),
  );
  t.same(
    begun.map((start) => [start?.version, /"progress":(\d+)/.exec(start?.text ?? '')?.[1]]),
    [
      [4, '60'],
      [4, '60'],
      [4, '60'],
      [4, '60'],
      [4, undefined],
      [4, '60'],
    ],
  );
  await t.rejects(feed.followTenant({ tenantId: 'removed', role: 'reader' }, everything, id), {
    code: 'EVENTS_EXPIRED',
  });
});

t.test('a job that is removed has nothing more to tell', async (t) => {
  const feed = openFeed(t);
  const job = await newJob('gone');
  const ended = latch();
  const listener = new Listener();
  feed.followJob(job.id, 1, outsider, Object.assign(listener, { end: () => ended.open() }));
  await database.query('test', (sql) => sql`delete from jobs where id = ${job.id}`);
  feed.poke(job.id);
  await ended.opened;
  t.same(listener.what, []);
});
