import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { openApi } from '../helpers/contract.js';
import { makeKey, withKey } from '../helpers/keys.js';
import { startService } from '../helpers/service.js';

const limits = { RATE_LIMIT_MAX: '6', RATE_LIMIT_WINDOW_SECONDS: '600' };
const service = await startService(t, { env: { AUTH: 'on', ROLE: 'api', ...limits } });
const stranger = await openApi(service.url);
const operator = withKey(stranger, (await readFile(join(service.dataDir, 'admin.key'), 'utf8')).trim());

t.test('each key has a count of its own, whatever address it comes from', async (t) => {
  const [one, other] = await Promise.all([
    makeKey(operator, stranger, { tenant: 'acme', role: 'reader' }),
    makeKey(operator, stranger, { tenant: 'acme', role: 'reader' }),
  ]);
  for (let left = 5; left >= 0; left--) {
    const { status, headers } = await one.api('/v1/jobs');
    t.equal(status, 200);
    t.match(headers.get('ratelimit'), new RegExp(`^"general";r=${left};`));
  }
  t.equal((await one.api('/v1/jobs')).status, 429);
  const fresh = await other.api('/v1/jobs');
  t.equal(fresh.status, 200);
  t.match(fresh.headers.get('ratelimit'), /^"general";r=5;/);
});
