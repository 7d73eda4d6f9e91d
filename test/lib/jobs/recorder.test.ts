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
