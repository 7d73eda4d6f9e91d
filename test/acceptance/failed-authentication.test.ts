import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { ProblemBody } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { withKey } from '../helpers/keys.js';
import { startService } from '../helpers/service.js';
import { startRedis } from '../helpers/services.js';

for (const backend of ['memory', 'Redis']) {
  t.test(`who tries keys is made to wait, counted in ${backend}`, async (t) => {
    const service = await startService(t, {
      ...(backend === 'Redis' && { redisUrl: (await startRedis(t)).url }),
      env: { AUTH: 'on', ROLE: 'api', TRUST_PROXY: 'true' },
    });
    const stranger = await openApi(service.url);
    const token = (await readFile(join(service.dataDir, 'admin.key'), 'utf8')).trim();
    const good = withKey(stranger, token);
    const guess = (from: string) =>
      withKey(stranger, `ht_abcd_${'x'.repeat(43)}`)<ProblemBody>('/v1/jobs', {
        headers: { 'x-forwarded-for': from },
      });
    for (let i = 0; i < 20; i++) t.equal((await good('/v1/jobs')).status, 200);
    for (let i = 0; i < 5; i++) {
      t.equal((await stranger('/v1/jobs')).status, 401, 'to have none is no guess');
      t.equal((await guess('198.51.100.7')).status, 401);
    }
    const refused = await guess('198.51.100.7');
    t.match(refused, { status: 429, body: { code: 'RATE_LIMITED' } });
    const seconds = Number(refused.headers.get('retry-after'));
    t.ok(seconds > 800 && seconds <= 900, `Retry-After ${seconds}`);
    t.equal((await guess('198.51.100.8')).status, 401, 'another address');
    const same = await good('/v1/jobs', { headers: { 'x-forwarded-for': '198.51.100.7' } });
    t.equal(same.status, 200, 'a good key from the same address');
  });
}
