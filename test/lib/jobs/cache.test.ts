import t from 'tap';
import { newId } from '../../../lib/ids.js';
import { type CachedJob, JobCache, type JobCacheOptions } from '../../../lib/jobs/cache.js';
import type { JobRow } from '../../../lib/jobs/job.js';
import type { JobState } from '../../../lib/jobs/state.js';
import { insider, outsider } from '../../../lib/keys/caller.js';
import { latch } from '../../helpers/events.js';

const tenant = 'default';

function row(state: JobState, version = 1, id = newId()): JobRow {
  const now = new Date();
  return {
    id,
    tenantId: tenant,
    type: 'resize',
    state,
    progress: 0,
    priority: 'normal',
    attemptsMade: 0,
    attemptsMax: 3,
    crashes: 0,
    imageId: null,
    parentId: null,
    stepOf: null,
    run: 0,
    runAt: null,
    cancelRequestedAt: null,
    clientAddress: '192.0.2.1',
    keyPrefix: 'abcd',
    request: { renditions: [] },
    result: null,
    error: null,
    requestId: null,
    traceparent: null,
    createdAt: now,
    startedAt: null,
    finishedAt: null,
    version,
  };
}

/** A cache over a record of one's own, with a clock of one's own. */
function cacheOf(rows: JobRow[], options: Partial<JobCacheOptions> = {}) {
  const records = new Map(rows.map((each) => [each.id, each]));
  const clock = { now: 0 };
  const cache = new JobCache({
    load: async (tenantId, id) => {
      const found = records.get(id);
      return found?.tenantId === tenantId ? found : undefined;
    },
    now: () => clock.now,
    unfinishedMs: 250,
    endedMs: 30_000,
    ...options,
  });
  return { cache, records, clock };
}

const never = new AbortController().signal;

t.test('where a job came from is for admins', async (t) => {
  const job = row('completed');
  const cached = await cacheOf([job]).cache.get(tenant, job.id);
  t.match(JSON.parse(cached?.bodyFor(insider) ?? ''), {
    audit: { clientAddress: '192.0.2.1', keyPrefix: 'abcd' },
  });
  t.notMatch(cached?.bodyFor(outsider), /audit|192\.0\.2\.1|abcd/);
});

t.test('a job is read once and then served from the cache until its time is up', async (t) => {
  const [running, done] = [row('active'), row('completed')];
  const { cache, clock } = cacheOf([running, done]);
  t.equal(cache.peek(tenant, running.id), undefined);
  t.equal((await cache.get(tenant, running.id))?.etag, 'W/"1"');
  t.same(JSON.parse((await cache.get(tenant, done.id))?.bodyFor(outsider) ?? '').id, done.id);
  t.match(cache, { hits: 0, misses: 2 });
  clock.now = 249;
  t.ok(cache.peek(tenant, running.id));
  clock.now = 250;
  t.equal(cache.peek(tenant, running.id), undefined, 'an unfinished job soon looks old');
  t.ok(cache.peek(tenant, done.id), 'one that has ended does not');
  clock.now = 30_000;
  t.equal(cache.peek(tenant, done.id), undefined);
});

t.test('readers at the same moment share one read', async (t) => {
  const job = row('queued');
  const { cache } = cacheOf([job]);
  await Promise.all([1, 2, 3].map(() => cache.get(tenant, job.id)));
  t.equal(cache.misses, 1);
});

t.test(
  'what a job was before it changed is not kept, even when the read is slower than the event',
  async (t) => {
    const before = row('active', 1);
    const after = row('completed', 2, before.id);
    const slow = latch<JobRow>();
    const answers = [slow.opened, Promise.resolve(after)];
    const { cache } = cacheOf([], { load: async () => answers.shift() });
    const reading = cache.get(tenant, before.id);
    cache.invalidate(before.id, true);
    slow.open(before);
    t.equal((await reading)?.row.version, 1);
    t.equal(cache.peek(tenant, before.id), undefined);
    t.equal((await cache.get(tenant, before.id))?.row.version, 2);
  },
);

t.test('a job of another tenant is not there', async (t) => {
  const job = row('queued');
  const { cache } = cacheOf([job]);
  const [own, foreign] = await Promise.all([cache.get(tenant, job.id), cache.get('other', job.id)]);
  t.equal(own?.row.id, job.id);
  t.equal(foreign, undefined, 'not by the read of its owner');
  t.equal(cache.peek('other', job.id), undefined, 'nor from the cache');
  t.equal(await cache.get('other', job.id), undefined);
});

t.test('a foreign or failed read leaves the owner’s reads alone', async (t) => {
  const job = row('queued');
  let fail = true;
  const { cache } = cacheOf([], {
    load: async (tenantId) => {
      if (fail) throw new Error('away');
      return tenantId === tenant ? job : undefined;
    },
  });
  await t.rejects(cache.get(tenant, job.id), { message: 'away' });
  fail = false;
  const [foreign, own] = await Promise.all([cache.get('other', job.id), cache.get(tenant, job.id)]);
  t.equal(foreign, undefined);
  t.equal(own?.row.id, job.id);
});

t.test('the cache forgets what was read longest ago when it is full', async (t) => {
  const jobs = [row('completed'), row('completed'), row('completed')] as const;
  const { cache } = cacheOf([...jobs], { maxEntries: 2 });
  for (const { id } of jobs) await cache.get(tenant, id);
  t.equal(cache.peek(tenant, jobs[0].id), undefined);
  t.ok(cache.peek(tenant, jobs[1].id));
  t.ok(cache.peek(tenant, jobs[2].id));
});

t.test('a change wakes whoever waits for it', async (t) => {
  const job = row('active');
  const { cache, records } = cacheOf([job], { unfinishedMs: 60_000 });
  const read = latch();
  const changed = ({ row: { version } }: CachedJob): boolean => {
    read.open();
    return version > 1;
  };
  const waiters = [1, 2].map(() => cache.waitFor(tenant, job.id, { changed, ms: 60_000, signal: never }));
  await read.opened;
  records.set(job.id, row('active', 2, job.id));
  cache.invalidate(job.id, false);
  t.same(
    (await Promise.all(waiters)).map((each) => each?.row.version),
    [2, 2],
  );
});

t.test('who waits for the end looks again only when the job may have ended', async (t) => {
  const job = row('active');
  const { cache, records } = cacheOf([job], { unfinishedMs: 60_000, lookAgainMs: 60_000 });
  const waiting = cache.waitFor(tenant, job.id, { ms: 60_000, signal: never });
  await cache.get(tenant, job.id);
  cache.invalidate(job.id, false);
  t.equal(cache.misses, 1, 'a step on the way is not looked at');
  records.set(job.id, row('completed', 2, job.id));
  cache.invalidate(job.id, true);
  t.equal((await waiting)?.row.state, 'completed');
  t.equal(cache.misses, 2);
});

t.test('a wait sees the end although the event came before the change, or never', async (t) => {
  const job = row('active');
  const { cache, records, clock } = cacheOf([job], { unfinishedMs: 1, lookAgainMs: 1 });
  const changed = (): boolean => {
    records.set(job.id, row('completed', 2, job.id));
    clock.now += 1;
    return false;
  };
  const waited = await cache.waitFor(tenant, job.id, { changed, ms: 60_000, signal: never });
  t.equal(waited?.row.state, 'completed');
});

t.test('a wait ends with its time, with its client, and at once for a job that is not there', async (t) => {
  const job = row('active');
  const { cache, clock } = cacheOf([job], { unfinishedMs: 60_000 });
  const late = (): boolean => {
    clock.now = 1_000;
    return false;
  };
  t.equal(
    (await cache.waitFor(tenant, job.id, { changed: late, ms: 10, signal: never }))?.row.state,
    'active',
  );
  const client = new AbortController();
  const gone = (): boolean => {
    client.abort();
    return false;
  };
  const { signal } = client;
  t.equal((await cache.waitFor(tenant, job.id, { changed: gone, ms: 60_000, signal }))?.row.state, 'active');
  t.equal(await cache.waitFor(tenant, newId(), { ms: 60_000, signal: never }), undefined);
});
