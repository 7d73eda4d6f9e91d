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
