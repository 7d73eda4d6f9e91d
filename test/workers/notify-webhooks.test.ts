import { Webhook } from 'standardwebhooks';
import t, { type Test } from 'tap';
import { cancelJob } from '../../lib/jobs/cancel.js';
import { MAX_ATTEMPTS } from '../../lib/notifications/backoff.js';
import { replayDelivery } from '../../lib/notifications/replay.js';
import { findWebhook, rotateSecret, updateWebhook } from '../../lib/webhooks/repository.js';
import { openNotifyWorld } from '../helpers/notifications.js';
import {
  accept,
  answerWith,
  cut,
  hang,
  type Received,
  startGarbage,
  startReceiver,
} from '../helpers/receiver.js';

const world = await openNotifyWorld(t);
// Where a receiver that hangs is waited for.
const patient = await openNotifyWorld(t, { WEBHOOK_TIMEOUT_SECONDS: '20' });

const verified = (secret: string, { body, headers }: Received): unknown =>
  new Webhook(secret).verify(body, headersOf(headers));

function headersOf(headers: Received['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

async function webhookOf(id: string) {
  return world.database.query('webhooks.find', (sql) => findWebhook(sql, 'default', id));
}

/** Says that every attempt has failed for so many days. */
async function failFor(id: string, days: number): Promise<void> {
  await world.database.query(
    'webhooks.age',
    (sql) => sql`update webhooks set failing_since = now() - make_interval(days => ${days}) where id = ${id}`,
  );
}

await t.test('it arrives, signed, once', async (t) => {
  const receiver = await startReceiver(t, answerWith(200, 'thanks'));
  const { row, secret } = await world.newWebhook(receiver.url);
  const job = await world.newDelivery(row.id, '{"type":"job.completed","data":{"name":"ü"}}');
  await world.bring(job);
  await world.bring(job);
  t.equal(receiver.received.items.length, 1, 'a second delivery of the job finds it done');
  const [received] = receiver.received.items;
  if (!received) throw new Error('nothing came');
  t.same(verified(secret, received), { type: 'job.completed', data: { name: 'ü' } });
  t.match(received, {
    method: 'POST',
    headers: { 'webhook-id': job.id, 'content-type': 'application/json', 'user-agent': /^Halftone/ },
  });
  t.match(await world.delivery(job), {
    state: 'completed',
    attempts: 1,
    lastStatus: 200,
    lastError: null,
    response: 'thanks',
    nextAttemptAt: null,
  });
  t.match(await world.read(job), { state: 'completed', result: { deliveryId: job.id, status: 200 } });
});

await t.test('two secrets are good while one takes the place of the other', async (t) => {
  const receiver = await startReceiver(t);
  const { row, secret: before } = await world.newWebhook(receiver.url);
  const rotated = await world.database.query('webhooks.rotate', (sql) =>
    rotateSecret(sql, 'default', row.id),
  );
  const now = rotated?.secret ?? '';
  await world.bring(await world.newDelivery(row.id));
  const [both] = receiver.received.items;
  if (!both) throw new Error('nothing came');
  for (const secret of [before, now]) t.ok(verified(secret, both));
  await world.database.query(
    'webhooks.age',
    (sql) => sql`update webhooks set previous_secret_until = now() where id = ${row.id}`,
  );
  await world.bring(await world.newDelivery(row.id));
  const [, after] = receiver.received.items;
  if (!after) throw new Error('nothing came');
  t.ok(verified(now, after));
  t.throws(() => verified(before, after), /No matching signature/, 'a day later it is not');
});

const failures: readonly (readonly [string, (t: Test) => Promise<string>, number | null, RegExp])[] = [
  ['500', async (t) => (await startReceiver(t, answerWith(500, 'oops'))).url, 500, /answered 500/],
  ['404', async (t) => (await startReceiver(t, answerWith(404))).url, 404, /takes a 2xx/],
  [
    '301',
    async (t) => (await startReceiver(t, answerWith(301, '', { location: '/' }))).url,
    301,
    /redirects/,
  ],
  ['hang', async (t) => (await startReceiver(t, hang)).url, null, /in time/],
  ['close', async (t) => (await startReceiver(t, cut)).url, null, /closed the connection/],
  ['garbage', (t) => startGarbage(t, 'what?\r\n\r\n'), null, /does not speak HTTP/],
];

for (const [name, start, status, error] of failures) {
  await t.test(`a receiver that fails by ${name} is tried again later, under the same id`, async (t) => {
    const { row } = await world.newWebhook(await start(t));
    const job = await world.newDelivery(row.id);
    const before = Date.now();
    await world.bring(job);
    const failed = await world.delivery(job);
    t.match(failed, { state: 'queued', attempts: 1, lastStatus: status, lastError: error });
    const wait = (failed.nextAttemptAt?.getTime() ?? 0) - before;
    t.ok(wait > 4_000 && wait < 20_000, 'in about five seconds');
    t.match(await world.read(job), {
      state: 'queued',
      run: 1,
      attemptsMade: 1,
      error: { code: 'DELIVERY_FAILED' },
    });
    const queued = world.queued.filter(({ id }) => id === job.id);
    t.match(queued, [{ run: 1 }]);
    t.ok((queued[0]?.delayMs ?? 0) > 3_000, 'by the queue');
    t.ok((await webhookOf(row.id))?.failingSince);
  });
}

await t.test('a failure, a failure, and then it arrives', async (t) => {
  const receiver = await startReceiver(t, answerWith(503, '\0 is no text'));
  const { row } = await world.newWebhook(receiver.url);
  const job = await world.newDelivery(row.id);
  await world.bring(job);
  await world.bring(job);
  t.equal(receiver.received.items.length, 1, 'brought before its time it is put back');
  t.match(await world.read(job), { state: 'queued', run: 1 });
  await world.bringAgain(job);
  receiver.answer = accept;
  await world.bringAgain(job);
  t.match(await world.delivery(job), { state: 'completed', attempts: 3, lastStatus: 204 });
  t.same(new Set(receiver.received.items.map(({ headers }) => headers['webhook-id'])), new Set([job.id]));
  t.equal((await webhookOf(row.id))?.failingSince, null);
});

await t.test('after the last attempt it fails for good, and can be sent once more by hand', async (t) => {
  const receiver = await startReceiver(t, answerWith(400));
  const { row } = await world.newWebhook(receiver.url);
  const job = await world.newDelivery(row.id);
  await world.bring(job);
  for (let attempt = 2; attempt <= MAX_ATTEMPTS; attempt++) await world.bringAgain(job);
  t.match(await world.delivery(job), { state: 'failed', attempts: MAX_ATTEMPTS, nextAttemptAt: null });
  t.match(await world.read(job), { state: 'failed', error: { code: 'DELIVERY_FAILED' } });
  await world.bringAgain(job);
  t.equal(receiver.received.items.length, MAX_ATTEMPTS);

  receiver.answer = accept;
  const replay = () => world.database.transaction('replay', (sql) => replayDelivery(sql, job.id));
  const begun = await Promise.all([replay(), replay()]);
  t.equal(begun.filter((each) => each !== undefined).length, 1, 'of two who ask at once one begins it');
  await world.bring(job);
  t.match(await world.delivery(job), { state: 'completed', attempts: 1, lastStatus: 204, lastError: null });
  t.equal(receiver.received.items.at(-1)?.headers['webhook-id'], job.id);
  t.ok(await replay(), 'one that arrived, too');
  await world.bring(job);
  t.equal(receiver.received.items.length, MAX_ATTEMPTS + 2);
});

await t.test('410 Gone switches the webhook off, and what waits for it is not sent', async (t) => {
  const receiver = await startReceiver(t, answerWith(410));
  const { row } = await world.newWebhook(receiver.url);
  const [job, other] = [await world.newDelivery(row.id), await world.newDelivery(row.id)];
  await world.bring(job);
  t.match(await world.delivery(job), { state: 'failed', attempts: 1, lastStatus: 410 });
  t.match(await webhookOf(row.id), { enabled: false, disabledReason: /410/ });
  t.ok(world.logged.items.some(({ message }) => message === 'a webhook was switched off'));
  await world.bring(other);
  t.match(await world.read(other), { state: 'failed', error: { code: 'WEBHOOK_DISABLED' } });
  t.equal(receiver.received.items.length, 1);
});

await t.test(
  'a webhook that has failed for days is switched off; one that failed for two is not',
  async (t) => {
    const receiver = await startReceiver(t, answerWith(500));
    const { row } = await world.newWebhook(receiver.url);
    await world.bring(await world.newDelivery(row.id));
    await failFor(row.id, 2);
    await world.bring(await world.newDelivery(row.id));
    t.match(await webhookOf(row.id), { enabled: true, disabledReason: null });
    await failFor(row.id, 4);
    await world.bring(await world.newDelivery(row.id));
    t.match(await webhookOf(row.id), { enabled: false, disabledReason: /3 days/ });
    const on = await world.database.query('webhooks.update', (sql) =>
      updateWebhook(sql, 'default', row.id, { enabled: true }),
    );
    t.match(
      on,
      { enabled: true, disabledReason: null, failingSince: null },
      'its owner gives it a new start',
    );
  },
);

await t.test('a host that fails again and again is left alone, and tried again by itself', async (t) => {
  const receiver = await startReceiver(t, answerWith(500));
  const { row } = await world.newWebhook(receiver.url);
  for (let count = 0; count < 5; count++) await world.bring(await world.newDelivery(row.id));
  t.equal(receiver.received.items.length, 5);
  const waiting = await world.newDelivery(row.id);
  await world.bring(waiting);
  t.equal(receiver.received.items.length, 5, 'no attempt');
  t.match(await world.delivery(waiting), { state: 'queued', attempts: 0, lastAttemptAt: null });
  t.match(await world.read(waiting), { state: 'queued', error: { detail: /left alone/ } });
  t.ok((world.queued.at(-1)?.delayMs ?? 0) > 20_000, 'it comes back when the host is looked at again');
  const open = world.breakers.counts().find(({ state }) => state === 'open');
  t.match(open, { dependency: 'webhook', count: 1 });

  const other = await startReceiver(t);
  const { row: well } = await world.newWebhook(other.url);
  await world.bring(await world.newDelivery(well.id));
  t.equal(other.received.items.length, 1, 'another host is told meanwhile');
});

await t.test(
  'a host that hangs has two at a time; the rest waits elsewhere, and others are told',
  async (t) => {
    const [slow, quick] = [await startReceiver(t, hang), await startReceiver(t)];
    const { row: slowHook } = await patient.newWebhook(slow.url);
    const { row: quickHook } = await patient.newWebhook(quick.url);
    const jobs = await Promise.all(Array.from({ length: 20 }, () => patient.newDelivery(slowHook.id)));
    const underWay = jobs.map((job) => patient.bring(job));
    await slow.received.length(2);
    await patient.bring(await patient.newDelivery(quickHook.id));
    t.equal(quick.received.items.length, 1);
    // Two hang; the others have given their places back.
    await Promise.race(underWay);
    await Promise.allSettled(jobs.map(async (job) => (await patient.read(job)).state));
    t.equal(slow.received.items.length, 2);
    await slow.close();
    await Promise.all(underWay);
    t.equal(patient.queued.filter(({ run }) => run === 1).length, 20, 'each comes again');
  },
);

await t.test('cancelled while it is under way, it ends at once', async (t) => {
  const receiver = await startReceiver(t, hang);
  const { row } = await patient.newWebhook(receiver.url);
  const job = await patient.newDelivery(row.id);
  const underWay = patient.bring(job);
  await receiver.received.length(1);
  await cancelJob(patient, 'default', job.id);
  await underWay;
  t.match(await patient.read(job), { state: 'cancelled' });
  t.match(await patient.delivery(job), { state: 'cancelled', nextAttemptAt: null });
});
