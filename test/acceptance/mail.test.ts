import t from 'tap';
import type { Export } from '../../lib/exports/export.js';
import type { Job } from '../../lib/jobs/job.js';
import { ended, upload, uploadAndWait } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { type Letter, startMailServer } from '../helpers/mail-server.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';

const operator = 'operator@example.com';
const { letters, url } = await startMailServer(t);
const service = await startService(t, {
  env: {
    RESIZE_THREADS: '1',
    SMTP_URL: url,
    ALERT_EMAIL: operator,
    ALERT_INTERVAL_SECONDS: '1',
    ALERT_HOLD_SECONDS: '0',
  },
});
const api = await openApi(service.url);
const to = 'somebody@example.com';

await t.test('an export, and a batch with its step, end with a letter each', async (t) => {
  const { image } = await uploadAndWait(api, await picture(), { presets: ['thumbnail'] });
  const { body } = await api<{ export: Export; job: Job }>('/v1/exports', {
    method: 'POST',
    json: { dataset: 'images', format: 'csv', notify: { email: [to] } },
  });
  await ended(api, body.job);
  const [exported] = await lettersTo(to, 1);
  t.same(exported?.to, [to]);
  t.match(exported?.text, /^Subject: Your export has been completed/m);
  t.match(exported?.text, `/v1/exports/${body.export.id}`);

  // biome-ignore lint/suspicious/noThenProperty: the contract's name.
  const json = { images: [image.id], renditions: [{ width: 7 }], then: [{ notify: { email: [to] } }] };
  const asked = await api<{ job: Job }>('/v1/batches', { method: 'POST', json });
  t.equal((await ended(api, asked.body.job)).state, 'completed');
  const [, batch] = await lettersTo(to, 2);
  t.same(batch?.to, [to]);
  t.match(batch?.text, asked.body.job.id);
});

await t.test('a job that fails is told to whoever runs the service', async () => {
  const file = await picture();
  const { job } = (await upload(api, file.subarray(0, file.length / 2), { presets: ['thumbnail'] })).body;
  await letters.until((items) =>
    items.some(({ to, text }) => to.includes(operator) && text.includes(job.id)),
  );
});

/** Waits for so many letters to somebody: of others there may be some, as a busy machine has its alarms. */
async function lettersTo(address: string, count: number): Promise<Letter[]> {
  const theirs = (items: readonly Letter[]) => items.filter(({ to }) => to.includes(address));
  await letters.until((items) => theirs(items).length >= count);
  return theirs(letters.items);
}
