import type { Test } from 'tap';
import type { BatchResult } from '../../lib/batches/batch.js';
import type { Job } from '../../lib/jobs/job.js';
import { ended, type ListBody, madeBy, type ProblemBody, upload } from '../helpers/client.js';
import type { Answer, Api } from '../helpers/contract.js';
import { noise, picture } from '../helpers/pictures.js';

/** The answer of a batch. */
export interface Asked {
  readonly job: Job;
}

/** Asks for a batch. */
export function askBatch<Body = Asked>(
  api: Api,
  json: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer<Body>> {
  return api<Body>('/v1/batches', { method: 'POST', json, headers });
}

/** Asks for a batch and waits for its end. */
export async function runBatch(api: Api, json: object): Promise<Job> {
  return ended(api, (await askBatch(api, json)).body.job);
}

/** What a batch has come to. */
export function resultOf({ result }: Pick<Job, 'result'>): BatchResult {
  if (result === null || !('steps' in result)) throw new Error('the job has no result of a batch');
  return result;
}

/** The members of a batch, all pages of the list. */
export async function membersOf(api: Api, { id }: Pick<Job, 'id'>): Promise<Job[]> {
  const members: Job[] = [];
  let after = '';
  do {
    const query = `parentId=${id}&sort=createdAt&limit=200${after && `&after=${after}`}`;
    const { body } = await api<ListBody<Job>>(`/v1/jobs?${query}`);
    members.push(...body.data);
    after = body.pagination.nextCursor ?? '';
  } while (after !== '');
  return members;
}

/** Uploads small pictures. @returns their ids */
export async function uploadMany(api: Api, count: number, filename = 'many.png'): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index++)
    ids.push((await upload(api, await picture(), { filename })).body.image.id);
  return ids;
}

/** Batches and their steps, on whatever queue the service was started with. */
export async function batches(t: Test, api: Api): Promise<void> {
  const images = await uploadMany(api, 6, 'six.png');
  const [first = '', second = ''] = images;

  await t.test('a batch of presets and renditions makes each of them of each image', async (t) => {
    const wanted = { presets: ['thumbnail'], renditions: [{ width: 24, format: 'jpeg', name: 'tiny' }] };
    const { status, headers, body } = await askBatch(api, { images: [...images, first], ...wanted });
    t.equal(status, 202);
    t.equal(headers.get('location'), body.job.links.self);
    t.equal(headers.get('retry-after'), '1');
    t.match(body.job, { type: 'batch', state: 'queued', progress: 0 });
    t.same(
      resultOf(body.job).members,
      { total: 6, completed: 0, failed: 0, cancelled: 0 },
      'each image once',
    );
    const job = await ended(api, body.job);
    t.match(job, { state: 'completed', progress: 100, error: null });
    t.same(resultOf(job), { members: { total: 6, completed: 6, failed: 0, cancelled: 0 }, steps: [] });
    const members = await membersOf(api, job);
    t.same(
      members.map(({ imageId }) => imageId),
      images,
      'in the asked order',
    );
    for (const member of members) {
      t.match(member, { type: 'resize', state: 'completed', parentId: job.id });
      t.same(new Set(madeBy(member).map(({ name }) => name)), new Set(['thumbnail', 'tiny']));
    }
    const again = await runBatch(api, { images, ...wanted });
    t.equal(again.state, 'completed');
    t.same(
      (await membersOf(api, again)).map(({ attempts: { made }, result }) => [made, result]),
      members.map(({ result }) => [0, result]),
      'what stands is not made again',
    );
  });

  await t.test('a filter is what matches when it is asked', async (t) => {
    const job = await runBatch(api, { filter: { filename: 'six.png' }, presets: ['small'], priority: 'low' });
    t.match(job, { state: 'completed', priority: 'low' });
    t.equal(resultOf(job).members.completed, 6);
    const nothing = await askBatch<ProblemBody>(api, { filter: { minWidth: 9_999 }, presets: ['small'] });
    t.equal(nothing.status, 422);
    t.match(nothing.body, { code: 'BATCH_FILTER_UNFIT', errors: [{ path: 'filter' }] });
  });

  await t.test('who prefers to wait gets the end', async (t) => {
    const { status, headers, body } = await askBatch(
      api,
      { images: [first], renditions: [{ width: 11 }] },
      { prefer: 'wait=30' },
    );
    t.equal(status, 200);
    t.equal(headers.get('preference-applied'), 'wait=30');
    t.equal(body.job.state, 'completed');
  });

  await t.test('what does not fit one image fails that member alone', async (t) => {
    const wide = (await upload(api, await noise(400, 20).png().toBuffer())).body.image.id;
    const crop = { left: 100, top: 0, width: 200, height: 10 };
    const job = await runBatch(api, {
      images: [first, wide],
      renditions: [{ crop }],
      // biome-ignore lint/suspicious/noThenProperty: the contract's name.
      then: [{ export: { dataset: 'images', format: 'csv' } }],
    });
    t.match(job, { state: 'completed', error: null });
    t.same(resultOf(job).members, { total: 2, completed: 1, failed: 1, cancelled: 0 });
    t.match(resultOf(job).steps, [{ name: 'export-1', type: 'export', state: 'completed' }]);
    const [failed] = await membersOf(api, job);
    t.match(failed, {
      imageId: first,
      state: 'failed',
      error: { code: 'OPTIONS_UNPROCESSABLE', status: 422 },
    });
    const retried = await api<ProblemBody>(`/v1/jobs/${failed?.id}/retry`, { method: 'POST' });
    t.equal(retried.status, 409);
    t.equal(retried.body.code, 'JOB_NOT_RETRYABLE');
  });

  await t.test('steps run in their order, after what they depend on', async (t) => {
    const step = { export: { dataset: 'jobs', format: 'ndjson', filter: { type: 'export' } } };
    const job = await runBatch(api, {
      images: [first],
      renditions: [{ width: 12 }],
      // biome-ignore lint/suspicious/noThenProperty: the contract's name.
      then: [
        { ...step, name: 'last', dependsOn: ['b', 'a'] },
        { ...step, name: 'a', dependsOn: [] },
        { ...step, name: 'b' },
      ],
    });
    t.equal(job.state, 'completed');
    const { steps } = resultOf(job);
    t.same(
      steps.map(({ name, state }) => [name, state]),
      [
        ['last', 'completed'],
        ['a', 'completed'],
        ['b', 'completed'],
      ],
    );
    const [last, a, b] = await Promise.all(
      steps.map(async ({ jobId }) => (await api<Job>(`/v1/jobs/${jobId}`)).body),
    );
    const [member] = await membersOf(api, job);
    t.ok(String(a?.createdAt) >= String(member?.finishedAt), 'after the members');
    t.ok(String(b?.createdAt) >= String(a?.finishedAt), 'without dependsOn, after the one before');
    t.ok(String(last?.createdAt) >= String(b?.finishedAt), 'after all it names');
  });

  await t.test('stop: a failure cancels what waits and skips the steps', async (t) => {
    const gif = (await upload(api, await noise(30, 30).gif().toBuffer())).body.image.id;
    const job = await runBatch(api, {
      images: [gif, second],
      renditions: [{ crop: { left: 0, top: 0, width: 31, height: 31 } }],
      onFailure: 'stop',
      // biome-ignore lint/suspicious/noThenProperty: the contract's name.
      then: [{ export: { dataset: 'images', format: 'csv' } }],
    });
    t.match(job, { state: 'failed', error: { code: 'BATCH_MEMBER_FAILED', status: 424 } });
    const { members, steps } = resultOf(job);
    t.equal(members.failed, 1);
    t.equal(members.completed + members.cancelled, 1);
    t.match(steps, [{ name: 'export-1', jobId: null, state: 'skipped' }]);
  });

  await t.test('cancelled before its time', async (t) => {
    const runAt = new Date(Date.now() + 86_400_000).toISOString();
    const then = [{ export: { dataset: 'images', format: 'csv' } }];
    const { body } = await askBatch(api, { images, renditions: [{ width: 13 }], runAt, then });
    t.match(body.job, { state: 'queued', runAt });
    const path = `/v1/jobs/${body.job.id}`;
    const cancelled = await api<Asked>(path, { method: 'DELETE', headers: { prefer: 'wait=30' } });
    t.equal(cancelled.status, 200);
    t.equal(cancelled.body.job.state, 'cancelled');
    t.same(resultOf(cancelled.body.job).members, { total: 6, completed: 0, failed: 0, cancelled: 6 });
    t.match(resultOf(cancelled.body.job).steps, [{ state: 'skipped', jobId: null }]);
  });
}
