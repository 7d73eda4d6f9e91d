import t from 'tap';
import { openApi } from '../helpers/contract.js';
import { follow } from '../helpers/event-stream.js';
import { startService } from '../helpers/service.js';
import { jobEvents, refusals } from './job-events.js';

const service = await startService(t);
const { databaseUrl, dataDir } = service;
const second = await startService(t, { databaseUrl, dataDir, env: { ROLE: 'api' } });
const api = await openApi(service.url);
await jobEvents(t, service, second, api);
await refusals(t, api);

await t.test(
  'a server that closes ends its streams at once, and has a line in its log for each',
  async (t) => {
    const left = await follow(t, second.url, '/v1/jobs/events?state=failed');
    left.leave();
    const request = left.headers['x-request-id'];
    t.match(await second.logged((line) => line['request'] === request), { path: '/v1/jobs/events' });

    const clients = await Promise.all([
      follow(t, second.url, '/v1/jobs/events'),
      follow(t, second.url, '/v1/jobs/events'),
    ]);
    const exit = second.kill('SIGTERM');
    for (const client of clients) t.equal(await client.ended, true);
    t.same(await exit, { code: 0, signal: null });
    for (const { headers } of clients)
      t.match(await second.logged((line) => line['request'] === headers['x-request-id']), { status: 200 });
  },
);
