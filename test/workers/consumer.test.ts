import t from 'tap';
import { Problem } from '../../lib/errors.js';
import { newId } from '../../lib/ids.js';
import type { JobRow, JobRowOf } from '../../lib/jobs/job.js';
import { completeJob, recordCrash } from '../../lib/jobs/repository.js';
import { type Delivery, GiveUp } from '../../lib/queue/queue.js';
import { consume, giveUp, type JobOutcome } from '../../workers/consumer.js';
import type { JobContext } from '../../workers/processors/processor.js';
import { latch, Recorder, recordingLogger } from '../helpers/events.js';
import { type JobWorld, openJobWorld, workerParts } from '../helpers/jobs.js';

const world = await openJobWorld(t);

interface Consumer {
  deliver(job: Pick<JobRow, 'id'>, delivery?: Partial<Delivery>): Promise<void>;
  readonly workerId: string;
  readonly outcomes: Recorder<JobOutcome>;
  readonly announced: Recorder<number>;
}

/** A consumer whose processor is `run`; without one it ends the job well. */
function consumer(
  run: (job: JobRowOf<'resize'>, context: JobContext) => Promise<void> = complete(world),
): Consumer {
  const [outcomes, announced] = [new Recorder<JobOutcome>(), new Recorder<number>()];
  const parts = workerParts(world);
  const take = consume({ ...parts, processor: { type: 'resize', run }, onOutcome: outcomes.add });
  return {
    workerId: parts.workerId,
    outcomes,
    announced,
    deliver: ({ id }, delivery) =>
      take({ id, attempt: 1, isLastAttempt: false, announce: async (at) => announced.add(at), ...delivery }),
  };
}

function complete({ database }: JobWorld) {
  return async ({ id, imageId }: JobRow): Promise<void> => {
    const result = { imageId: imageId ?? '', renditions: [] };
    await database.query('jobs.complete', (sql) => completeJob(sql, id, result));
  };
}

function crash({ workerId }: Consumer): Promise<string[]> {
  return world.database.query('jobs.recordCrash', (sql) => recordCrash(sql, workerId));
}

const boom = (): Promise<void> => Promise.reject(new Error('select secret from /etc/passwd'));

t.test(
  'a job is active while its processor runs, and each step is recorded and announced once',
  async (t) => {
    const job = await world.newJob();
    const { deliver, announced, outcomes } = consumer(async (taken, { progress }) => {
      t.match(taken, { id: job.id, state: 'active', attemptsMade: 1 });
      for (const percent of [30, 30, 20, 60]) await progress(percent);
      t.equal((await world.read(job)).progress, 60);
      await complete(world)(taken);
    });
    await deliver(job);
    t.match(await world.read(job), { state: 'completed', progress: 100, attemptsMade: 1, error: null });
    t.same(announced.items, [30, 60]);
    t.match(outcomes.items, [{ type: 'resize', outcome: 'completed' }]);
  },
);

t.test('a job that has ended, or is not there, is not run', async (t) => {
  const job = await world.newJob();
  await consumer().deliver(job);
  const ended = await world.read(job);
  const { deliver, outcomes } = consumer(() => Promise.reject(new Error('it ran')));
  await deliver(job);
  await deliver({ id: newId() });
  t.same(await world.read(job), ended);
  t.same(outcomes.items, []);
});

t.test('a fault of ours puts the job back for another attempt; the last one fails it', async (t) => {
  const job = await world.newJob();
  const { deliver, outcomes } = consumer(boom);
  await t.rejects(deliver(job), { message: /secret/ });
  const waiting = await world.read(job);
  t.match(waiting, {
    state: 'queued',
    attemptsMade: 1,
    error: { code: 'INTERNAL', status: 500 },
    finishedAt: null,
  });
  await t.rejects(deliver(job, { attempt: 2, isLastAttempt: true }), GiveUp);
  const failed = await world.read(job);
  t.match(failed, { state: 'failed', attemptsMade: 2, error: { code: 'INTERNAL' } });
  t.notMatch(JSON.stringify(failed.error), /secret|passwd/, 'what was thrown is for the log');
  t.same(
    outcomes.items.map(({ outcome }) => outcome),
    ['retried', 'failed'],
  );
});

t.test('a fault of the image fails the job at once; a time-out is tried again', async (t) => {
  const corrupt = await world.newJob();
  const reject = (code: 'IMAGE_CORRUPT' | 'JOB_TIMED_OUT') => () => Promise.reject(new Problem(code, 'why'));
  await t.rejects(consumer(reject('IMAGE_CORRUPT')).deliver(corrupt), GiveUp);
  t.match(await world.read(corrupt), {
    state: 'failed',
    attemptsMade: 1,
    error: { code: 'IMAGE_CORRUPT', detail: 'why' },
  });
  const slow = await world.newJob();
  await t.rejects(consumer(reject('JOB_TIMED_OUT')).deliver(slow), { code: 'JOB_TIMED_OUT' });
  t.match(await world.read(slow), { state: 'queued', error: { code: 'JOB_TIMED_OUT' } });
});

t.test(
  'a job that felled its worker runs alone the next time, and fails when it fells it again',
  async (t) => {
    const [suspect, neighbour] = [await world.newJob(), await world.newJob()];
    const felled = consumer(() => new Promise(() => {}));
    void felled.deliver(suspect);
    await until(suspect, ({ state }) => state === 'active');
    t.same(await crash(felled), [suspect.id]);

    const started = new Recorder<string>();
    const ends = new Map([suspect, neighbour].map(({ id }) => [id, latch()]));
    const second = consumer(async (job) => {
      started.add(job.id);
      await ends.get(job.id)?.opened;
      await complete(world)(job);
    });
    void second.deliver(suspect);
    await started.length(1);
    const beside = second.deliver(neighbour);
    t.same(await crash(second), [suspect.id], 'the neighbour is not to blame');
    t.same(started.items, [suspect.id], 'it waits');
    t.match(await world.read(neighbour), { state: 'queued', crashes: 0 });
    t.equal((await world.read(suspect)).crashes, 2);
    await t.rejects(consumer().deliver(suspect), GiveUp);
    t.match(await world.read(suspect), { state: 'failed', error: { code: 'DECODER_CRASHED' } });
    for (const end of ends.values()) end.open();
    await beside;
  },
);

t.test(
  'a crash is blamed on the suspect that ran, not on those that waited for their turn alone',
  async (t) => {
    const jobs = [await world.newJob(), await world.newJob(), await world.newJob()];
    const first = consumer(() => new Promise(() => {}));
    for (const job of jobs) {
      void first.deliver(job);
      await until(job, ({ state }) => state === 'active');
    }
    t.same((await crash(first)).sort(), jobs.map(({ id }) => id).sort(), 'it may have been any of them');

    const started = new Recorder<string>();
    const second = consumer((job) => {
      started.add(job.id);
      return new Promise(() => {});
    });
    for (const job of jobs) void second.deliver(job);
    const [culprit] = await started.length(1);
    t.same(await crash(second), [culprit]);

    const third = consumer();
    for (const job of jobs) await third.deliver(job).catch(() => undefined);
    const states = await Promise.all(jobs.map(async (job) => (await world.read(job)).state));
    t.same(states.sort(), ['completed', 'completed', 'failed']);
  },
);

t.test('what the queue gives up ends in the record, unless it had ended', async (t) => {
  const [lost, ended] = [await world.newJob(), await world.newJob()];
  await consumer().deliver(ended);
  const { log, lines } = recordingLogger();
  for (const { id } of [ended, lost]) giveUp({ ...workerParts(world), log }, id, 'stalled too often');
  await lines.length(1);
  t.match(lines.items, [{ level: 'error', fields: { job: lost.id, reason: 'stalled too often' } }]);
  t.match(await world.read(lost), { state: 'failed', error: { code: 'DECODER_CRASHED' } });
  t.equal((await world.read(ended)).state, 'completed');
});

async function until(job: JobRow, wanted: (job: JobRow) => boolean): Promise<void> {
  while (!wanted(await world.read(job)));
}
