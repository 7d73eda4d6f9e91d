import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import type { Alarm } from '../../lib/alarms/alarm.js';
import { migratedDatabase } from '../helpers/database.js';
import { connect } from '../helpers/embedded-postgres.js';
import { Recorder } from '../helpers/events.js';
import { startService } from '../helpers/service.js';

/** What an operator's receiver is sent. */
interface Sent {
  readonly type: string;
  readonly timestamp: string;
  readonly text: string;
  readonly data: Alarm;
}

/** A receiver of alarms that answers 500 to the first so many. */
async function receiver(
  t: Test,
  failures: number,
): Promise<{ url: string; sent: Recorder<Sent>; refused: Recorder<Sent> }> {
  const [sent, refused] = [new Recorder<Sent>(), new Recorder<Sent>()];
  const server = createServer(async (request, response) => {
    const body: Sent = JSON.parse(await text(request));
    const fails = refused.items.length < failures;
    (fails ? refused : sent).add(body);
    response.writeHead(fails ? 500 : 204).end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  t.teardown(() => new Promise((closed) => server.close(closed)));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen on a port');
  return { url: `http://127.0.0.1:${address.port}/alarms`, sent, refused };
}

/** What was sent, shortly and in order. */
function told(sent: Recorder<Sent>): string[] {
  return sent.items.map(({ type, data }) => `${type} ${data.rule} ${data.subject}`);
}

t.test(
  'a worker that goes and comes back: one alarm and one all-clear, however many processes look',
  async (t) => {
    const { url, sent, refused } = await receiver(t, 1);
    const databaseUrl = await migratedDatabase(t);
    const env = { ALERT_WEBHOOK_URL: url, ALERT_INTERVAL_SECONDS: '1', ALERT_HOLD_SECONDS: '1' };
    // Two that look, at one that does not: what a busy machine does to its speed is no part of this.
    const quiet = { ALERT_LOOP_DELAY_MS: '60000', ALERT_P95_MS: '60000', ALERT_MEMORY_PERCENT: '100' };
    const worker = () => {
      const off = { ROLE: 'worker', RESIZE_THREADS: '1', ALERT_INTERVAL_SECONDS: '0' };
      return startService(t, { databaseUrl, env: off });
    };
    const first = await worker();
    const apis = [
      await startService(t, { databaseUrl, env: { ...env, ...quiet, ROLE: 'api' } }),
      await startService(t, { databaseUrl, env: { ...env, ...quiet, ROLE: 'api' } }),
    ];
    await first.kill('SIGKILL');
    await sent.until(() => told(sent).includes('alarm.firing worker-down service'));
    t.same(told(refused), ['alarm.firing worker-down service'], 'what was refused is sent again');
    t.match(sent.items.at(-1), {
      text: /^ALARM \(Halftone, service, worker-down\): No worker is alive/,
      data: { state: 'firing', source: 'service', value: 0, threshold: 1, unit: 'workers' },
    });
    const lines = apis.map(({ output }) => output()).join('\n');
    t.match(
      lines,
      /"level":50.*"rule":"worker-down".*"msg":"alarm: No worker is alive/,
      'the log has it too',
    );

    await worker();
    await sent.until(() => told(sent).includes('alarm.cleared worker-down service'));

    const sql = connect(t, databaseUrl);
    await sql`
    insert into jobs (id, tenant_id, type, state, priority, attempts_max, request, error, finished_at)
    values (gen_random_uuid(), 'default', 'export', 'failed', 'normal', 1, '{}', ${sql.json({ code: 'INTERNAL' })}, now())`;
    await sent.until(() => told(sent).includes('alarm.firing job-failed export'));
    t.same(
      told(sent).filter((line) => line.includes('service') || line.includes('job-failed')),
      [
        'alarm.firing worker-down service',
        'alarm.cleared worker-down service',
        'alarm.firing job-failed export',
      ],
      'each of them once',
    );
    await sql`update jobs set finished_at = now() - interval '1 hour'`;
    await sent.until(() => told(sent).includes('alarm.cleared job-failed export'));
  },
);
