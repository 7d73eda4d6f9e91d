import t from 'tap';
import { newId } from '../../lib/ids.js';
import { type ProblemBody, upload } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';
import { askBatch } from './batches.js';

const service = await startService(t, { env: { ROLE: 'api' } });
const api = await openApi(service.url);
const image = (await upload(api, await picture())).body.image.id;
const asked = { images: [image], presets: ['thumbnail'] };
const step = { export: { dataset: 'images', format: 'csv' } };
const unknown = newId();

/** Bodies that make no batch: what each gets, and the field that it names. */
const wrong: readonly { body: object; code?: string; status?: number; path: string }[] = [
  { body: { presets: ['thumbnail'] }, path: 'images' },
  { body: { ...asked, filter: {} }, path: 'images' },
  { body: { ...asked, images: [] }, path: 'images' },
  { body: { ...asked, images: [image, 'x', 7] }, path: 'images.1' },
  { body: { ...asked, images: [image, image, unknown] }, code: 'IMAGE_UNKNOWN', path: 'images.2' },
  {
    body: { ...asked, images: Array.from({ length: 10_001 }, () => image) },
    code: 'BATCH_TOO_LARGE',
    path: 'images',
  },
  { body: { images: [image] }, path: 'renditions' },
  { body: { images: [image], renditions: [{ width: 0 }] }, path: 'renditions.0.width' },
  { body: { images: [image], presets: ['none'] }, code: 'PRESET_UNKNOWN', path: 'presets' },
  { body: { filter: { minWidht: 3 }, presets: ['small'] }, path: 'filter.minWidht' },
  { body: { filter: { minWidth: '3' }, presets: ['small'] }, path: 'filter.minWidth' },
  {
    body: { filter: { minWidth: 9_999 }, presets: ['small'] },
    status: 422,
    code: 'BATCH_FILTER_UNFIT',
    path: 'filter',
  },
  { body: { ...asked, onFailure: 'explode' }, path: 'onFailure' },
  { body: { ...asked, runAt: 'soon' }, path: 'runAt' },
  // biome-ignore-start lint/suspicious/noThenProperty: the contract's name.
  { body: { ...asked, then: [{}] }, path: 'then.0' },
  { body: { ...asked, then: [{ ...step, notify: { webhookId: unknown } }] }, path: 'then.0' },
  { body: { ...asked, then: [{ notify: { webhookId: unknown } }] }, path: 'then.0.notify.webhookId' },
  { body: { ...asked, then: [{ export: { format: 'csv' } }] }, path: 'then.0.export.dataset' },
  {
    body: { ...asked, then: [{ export: { dataset: 'images', format: 'csv', fields: ['nope'] } }] },
    code: 'FIELD_UNKNOWN',
    path: 'then.0.export.fields',
  },
  { body: { ...asked, then: [{ ...step, name: 'a b' }] }, path: 'then.0.name' },
  {
    body: {
      ...asked,
      then: [
        { ...step, name: 'a' },
        { ...step, name: 'a' },
      ],
    },
    path: 'then.1.name',
  },
  { body: { ...asked, then: [{ ...step, name: 'a', dependsOn: ['a'] }] }, path: 'then.0.dependsOn.0' },
  { body: { ...asked, then: [step, { ...step, dependsOn: ['export-1', 'b'] }] }, path: 'then.1.dependsOn.1' },
  { body: { ...asked, then: [{ ...step, dependsOn: ['export-2'] }, step] }, path: 'then.0.dependsOn.0' },
  // biome-ignore-end lint/suspicious/noThenProperty: the contract's name.
];

for (const { body, code = 'VALIDATION_FAILED', status = 400, path } of wrong) {
  await t.test(`${JSON.stringify(body).slice(0, 120)} is a problem of ${path}`, async (t) => {
    const answer = await askBatch<ProblemBody>(api, body);
    t.equal(answer.status, status);
    t.equal(answer.body.code, code);
    t.equal(answer.body.errors?.[0]?.path, path);
    t.ok(answer.body.detail.startsWith(path), answer.body.detail);
  });
}

await t.test('nothing of them was stored', async (t) => {
  const { body } = await api<{ data: unknown[] }>('/v1/jobs?type=batch');
  t.same(body.data, []);
});
