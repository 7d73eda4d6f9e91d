import t from 'tap';
import type { ProblemBody } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { startService } from '../helpers/service.js';

const service = await startService(t, { env: { ROLE: 'api' } });
const api = await openApi(service.url);
const make = (url: string) =>
  api<ProblemBody>('/v1/webhooks', { method: 'POST', json: { url, events: ['*'] } });

await t.test('a webhook does not lead to where only we can go', async (t) => {
  for (const url of [
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://[::1]/',
    'http://[::ffff:10.0.0.1]/',
    'http://169.254.169.254/latest/meta-data/',
    'http://10.0.0.1/',
    'http://localhost/',
    'http://db.internal/',
    'http://example.com:5432/',
    service.url,
  ]) {
    const { status, body } = await make(url);
    t.same([status, body.errors?.[0]?.path], [400, 'url'], url);
  }
  t.equal((await make('https://example.com/hook')).status, 201);
});

await t.test('nor does the source of an image, however its address is spelled', async (t) => {
  for (const url of [
    'http://127.0.0.1/',
    'http://127.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://0/',
    'http://0.0.0.0/',
    'http://[::]/',
    'http://[::1]/',
    'http://[::ffff:10.0.0.1]/',
    'http://[64:ff9b::a00:1]/',
    'http://[2002:a00:1::1]/',
    'http://[fe80::1]/',
    'http://100.64.0.1/',
    'http://10.0.0.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://168.63.129.16/machine?comp=goalstate',
    'http://localhost/',
    'http://localhost./',
    'http://db.internal/',
    'http://example.com:8080/',
    'http://example.com:22/',
    'http://user:secret@example.com/',
    '//example.com/a.png',
    'http:///',
    service.url,
  ]) {
    const { status, body } = await api<ProblemBody>('/v1/images', { method: 'POST', json: { url } });
    t.same([status, body.code, body.errors?.[0]?.path], [400, 'VALIDATION_FAILED', 'url'], url);
  }
});
