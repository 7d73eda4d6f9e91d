import type { Test } from 'tap';
import type { Job } from '../../lib/jobs/job.js';
import { ended, type ProblemBody, upload } from '../helpers/client.js';
import type { Api } from '../helpers/contract.js';
import { type EventClient, follow, told } from '../helpers/event-stream.js';
import { picture } from '../helpers/pictures.js';
import type { Service } from '../helpers/service.js';

const renditions = [{ width: 20 }, { width: 30 }, { width: 40 }, { width: 50 }];

/** What becomes of a job reaches whoever follows it, on whatever queue and of whichever process. */
export async function jobEvents(t: Test, one: Service, other: Service, api: Api): Promise<void> {
  await t.test('every change of a job, in order and once, in both processes', async (t) => {
    const all = await Promise.all([one, other].map(({ url }) => follow(t, url, '/v1/jobs/events')));
    const { job } = (await upload(api, await picture(), { renditions })).body;
    const own = await Promise.all([one, other].map(({ url }) => follow(t, url, job.links.events)));
    const last = await ended(api, job);
    for (const { events } of all) {
      await events.until((items) => items.some(({ job }) => job.state === 'completed'));
      t.equal(events.items.map(told)[0], 'queued 0');
    }
    for (const client of own) t.equal(await client.ended, true, 'the stream of the job ends with it');
    for (const client of [...own, ...all]) isWhole(t, client, last);
    const [first, second] = all.map(({ events }) => events.items.map(({ event, job }) => ({ event, job })));
    t.same(first, second, 'both processes tell the same');
  });

  await t.test('a stream goes on after each of its events', async (t) => {
    const all = await follow(t, one.url, '/v1/jobs/events');
    const { job } = (await upload(api, await picture(), { renditions })).body;
    await ended(api, job);
    const events = await all.events.until((items) => items.some(({ job }) => job.state === 'completed'));
    for (const [position, { id }] of events.entries()) {
      const resumed = await follow(t, other.url, '/v1/jobs/events', id);
      const missed = await resumed.events.length(events.length - position - 1);
      t.same(
        missed.map(({ job }) => job),
        events.slice(position + 1).map(({ job }) => job),
      );
      resumed.leave();
      const own = await follow(t, other.url, job.links.events, String(position + 1));
      t.equal(own.status, position + 1 < events.length ? 200 : 204);
      await own.ended;
      t.same(
        own.events.items.map(({ job }) => job),
        events.slice(position + 1).map(({ job }) => job),
      );
    }
  });

  await t.test('filters choose', async (t) => {
    const [completed, exports] = await Promise.all([
      follow(t, one.url, '/v1/jobs/events?state=completed'),
      follow(t, one.url, '/v1/jobs/events?type=export'),
    ]);
    const { job } = (await upload(api, await picture(), { renditions })).body;
    await ended(api, job);
    await completed.events.length(1);
    const made = await api<{ job: Job }>('/v1/exports', {
      method: 'POST',
      json: { dataset: 'images', format: 'csv' },
    });
    await ended(api, made.body.job);
    await exports.events.until((items) => items.some(({ job }) => job.state === 'completed'));
    await completed.events.length(2);
    t.same(
      completed.events.items.map(({ job }) => job.id),
      [job.id, made.body.job.id],
    );
    t.same([...new Set(exports.events.items.map(({ job }) => job.type))], ['export']);
  });

  await t.test('a job that has ended: its last event, and then nothing to come back for', async (t) => {
    const { job } = (await upload(api, await picture(), { renditions })).body;
    const last = await ended(api, job);
    const late = await follow(t, one.url, job.links.events);
    t.equal(await late.ended, true);
    t.same(
      late.events.items.map(({ event, job }) => ({ event, job })),
      [{ event: 'state', job: last }],
    );
    const again = await follow(t, one.url, job.links.events, late.lastId());
    t.equal(again.status, 204);
  });
}

/** Whether a client saw the whole way of its job: no step twice, none back, and at last the job as it is. */
function isWhole(t: Test, { status, headers, events }: EventClient, last: Job): void {
  t.equal(status, 200);
  t.match(headers['content-type'], /^text\/event-stream/);
  t.match(headers, { 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
  for (const name of ['x-request-id', 'ratelimit', 'server-timing', 'x-content-type-options'])
    t.ok(headers[name], name);
  t.equal(headers['content-encoding'], undefined);
  const steps = events.items.map(told);
  t.same(steps, [...new Set(steps)], 'nothing twice');
  const whole = ['queued 0', 'active 0', 'active 25', 'active 50', 'active 75', 'completed 100'];
  t.same(steps, whole.slice(whole.indexOf(steps[0] ?? '')), 'nothing is missing');
  for (const [index, step] of events.items.entries()) {
    const isState = index === 0 || /^(queued 0|active 0|completed 100)$/.test(told(step));
    t.equal(step.event, isState ? 'state' : 'progress', 'the first says where the job stands');
  }
  t.same(events.items.at(-1)?.job, last);
}

/** What is wrong with a request is said before a stream begins. */
export async function refusals(t: Test, api: Api): Promise<void> {
  await t.test('what cannot be followed is a problem', async (t) => {
    const problem = async (path: string, lastId?: string): Promise<unknown[]> => {
      const headers = lastId === undefined ? {} : { 'last-event-id': lastId };
      const { status, body } = await api<ProblemBody>(path, { headers });
      return [status, body.code];
    };
    t.same(await problem('/v1/jobs/0198c0de-0000-7000-8000-000000000000/events'), [404, 'JOB_NOT_FOUND']);
    t.same(await problem('/v1/jobs/none/events'), [404, 'JOB_NOT_FOUND']);
    t.same(await problem('/v1/jobs/events?state=lost'), [400, 'VALIDATION_FAILED']);
    t.same(await problem('/v1/jobs/events?colour=red'), [400, 'VALIDATION_FAILED']);
    const { job } = (await upload(api, await picture(), { renditions })).body;
    for (const id of ['x', '-1', '1.5', '99999999999'])
      t.same(await problem(job.links.events, id), [400, 'EVENT_ID_INVALID'], id);
    const now = Date.now();
    for (const id of [
      '3',
      `${now}.1:1.1:1:.0`,
      `${now}.5:1:.5:6:.0`,
      `${now}.1:9:3,2.1:9:.0`,
      `${now}.1:9:9.1:9:.0`,
      `${now}.0:9:.1:9:.0`,
      `${now}.1:9:.1:9:.0.0`,
    ])
      t.same(await problem('/v1/jobs/events', id), [400, 'EVENT_ID_INVALID'], id);
    t.same(await problem('/v1/jobs/events', `${now - 61 * 60_000}.1:9:.1:9:.0`), [410, 'EVENTS_EXPIRED']);
    t.same(await problem('/v1/jobs/events', `${now}.1:99999999999:.1:99999999999:.0`), [
      410,
      'EVENTS_EXPIRED',
    ]);
  });
}
