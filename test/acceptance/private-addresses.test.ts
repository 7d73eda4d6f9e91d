import t from 'tap';
import type { ProblemBody } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { startService } from '../helpers/service.js';

const service = await startService(t, { env: { ROLE: 'api' } });
const api = await openApi(service.url);
const refused = [
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
  'http://example.com:5432/',
  'http://example.com:22/',
  'http://user:secret@example.com/',
  '//example.com/a.png',
  'http:///',
  service.url,
];

/** What a client may name a URL for. */
const asked: readonly [what: string, path: string, body: object][] = [
  ['a webhook', '/v1/webhooks', { events: ['*'] }],
  ['the source of an image', '/v1/images', {}],
];
for (const [what, path, body] of asked)
  await t.test(`${what} does not lead to where only we can go, however the address is spelled`, async (t) => {
    for (const url of refused) {
      const answer = await api<ProblemBody>(path, { method: 'POST', json: { ...body, url } });
      const { code, errors } = answer.body;
      t.same([answer.status, code, errors?.[0]?.path], [400, 'VALIDATION_FAILED', 'url'], url);
    }
  });

await t.test('a webhook may lead to a host of everybody’s', async (t) => {
  const json = { url: 'https://example.com/hook', events: ['*'] };
  t.equal((await api('/v1/webhooks', { method: 'POST', json })).status, 201);
});
