import t from 'tap';
import { ended, upload } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { connect } from '../helpers/embedded-postgres.js';
import { eventually } from '../helpers/events.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';

const STATEMENT_TIMEOUT_MS = 500;

t.test('a job waits out a database that is slower than a request may be, in one attempt', async (t) => {
  const service = await startService(t, {
    env: { RESIZE_THREADS: '1', STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS) },
  });
  const api = await openApi(service.url);
  const [sql, beside] = [connect(t, service.databaseUrl ?? ''), connect(t, service.databaseUrl ?? '')];
  await api('/v1/queues/resize/pause', { method: 'POST' });
  const { job } = (await upload(api, await picture(), { presets: ['thumbnail'] })).body;
  await sql.begin(async (held) => {
    await held`select from jobs where id = ${job.id} for update`;
    await api('/v1/queues/resize/resume', { method: 'POST' });
    await eventually(async () => {
      const [waiting] = await beside`
        select from pg_stat_activity
        where datname = current_database() and application_name = 'halftone-worker' and wait_event_type = 'Lock'
          and query_start < now() - make_interval(secs => ${(2 * STATEMENT_TIMEOUT_MS) / 1000})`;
      return waiting;
    });
  });
  const { state, attempts } = await ended(api, job);
  t.equal(state, 'completed');
  t.equal(attempts.made, 1);
});
