import { randomUUID } from 'node:crypto';
import t from 'tap';
import { type ProblemBody, upload, uploadAndWait } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { connect } from '../helpers/embedded-postgres.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';
import { uniqueName } from '../helpers/services.js';

// The contract client looks at what every answer has: request id, Server-Timing, nosniff, and the
// shape of every problem. Here stands what depends on the request.
const service = await startService(t);
const api = await openApi(service.url);

await t.test('the client’s request id comes back, stands in the problem and in the log', async (t) => {
  const id = uniqueName('request.');
  const { headers, body } = await api<ProblemBody>(`/v1/jobs/${randomUUID()}?secret=value`, {
    headers: { 'x-request-id': id },
  });
  t.equal(headers.get('x-request-id'), id);
  t.equal(body.instance, id);
  const line = await service.logged((line) => line['request'] === id);
  t.match(line, { method: 'GET', status: 404, msg: 'request' });
  t.match(line['path'], /^\/v1\/jobs\/[^?]*$/, 'the query is not logged');
});

await t.test('one that is not harmless is replaced', async (t) => {
  const seen = new Set<string>();
  for (const junk of ['with space', 'x'.repeat(129), '<script>', 'a;b', 'ü', '']) {
    const { headers } = await api('/healthz', { headers: { 'x-request-id': junk } });
    const id = headers.get('x-request-id') ?? '';
    t.match(id, /^[\w-]{10,60}$/, junk);
    seen.add(id);
  }
  t.equal(seen.size, 6, 'each request has its own');
});

await t.test('a job’s log line names the request, and its row the trace', async (t) => {
  const [id, wrong] = [uniqueName(), uniqueName()];
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const { job } = await uploadAndWait(api, await picture(), {
    presets: ['thumbnail'],
    headers: { 'x-request-id': id, traceparent },
  });
  const line = await service.logged((line) => line['job'] === job.id);
  t.match(line, { request: id, process: 'worker', outcome: 'completed' });
  const invalid = '00-00000000000000000000000000000000-00f067aa0ba902b7-01';
  await upload(api, await picture(), {
    presets: ['thumbnail'],
    headers: { 'x-request-id': wrong, traceparent: invalid },
  });
  const sql = connect(t, service.databaseUrl ?? '');
  const rows =
    await sql`select request_id, traceparent from jobs where request_id in (${id}, ${wrong}) order by created_at`;
  t.same(
    [...rows],
    [
      { request_id: id, traceparent },
      { request_id: wrong, traceparent: null },
    ],
  );
});

await t.test('Server-Timing says where the time went', async (t) => {
  const { headers, body } = await upload(api, await picture(), { presets: ['thumbnail'], prefer: 'wait=30' });
  const timing = (headers: Headers) =>
    new Map((headers.get('server-timing') ?? '').split(', ').map((part) => [part.split(';')[0], part]));
  t.same(new Set(timing(headers).keys()), new Set(['queue', 'db', 'total']));
  for (const part of timing(headers).values()) t.match(part, /^\w+;dur=\d+(\.\d+)?$/);
  const download = await api(body.image.links.content);
  t.same(new Set(timing(download.headers).keys()), new Set(['db', 'storage', 'total']));
});

await t.test('the type of a problem leads to its description', async (t) => {
  const { body } = await api<ProblemBody & { type: string }>('/v1/nope');
  const described = await api(body.type);
  t.equal(described.status, 200);
  t.match(described.body, { code: 'NOT_FOUND', status: 404, title: body.title });
  t.equal((await api('/problems/NOPE')).status, 404);
});

await t.test('health: the process, and every part that it needs', async (t) => {
  const alive = await api('/healthz');
  t.same([alive.status, alive.body], [200, { status: 'ok' }]);
  const ready = await api('/readyz');
  t.equal(ready.status, 200);
  t.same(ready.body, {
    status: 'ok',
    checks: { postgres: 'ok', queue: 'ok', store: 'ok', worker: 'ok' },
  });
  for (const { headers } of [alive, ready]) t.equal(headers.get('cache-control'), 'no-store');
});

await t.test('metrics of the API and of the worker', async (t) => {
  await uploadAndWait(api, await picture(), { presets: ['thumbnail'] });
  const { headers, bytes } = await api('/metrics');
  t.match(headers.get('content-type'), /^text\/plain; version=/);
  const text = String(bytes);
  for (const name of [
    'http_request_duration_seconds',
    'db_query_duration_seconds',
    'job_run_duration_seconds',
    'job_wait_duration_seconds',
  ]) {
    t.match(text, new RegExp(`^# TYPE ${name} histogram$`, 'm'));
    t.match(text, new RegExp(`^${name}_bucket\\{.*le="\\+Inf".*\\} [1-9]`, 'm'), `${name} has counted`);
  }
  for (const process of ['api', 'worker']) {
    t.match(text, new RegExp(`^nodejs_eventloop_lag_p99_seconds\\{.*process="${process}"`, 'm'));
    t.match(text, new RegExp(`^process_resident_memory_bytes\\{.*process="${process}"`, 'm'));
  }
  t.match(
    text,
    /^http_request_duration_seconds_count\{.*route="\/v1\/images\/:id".*\}/m,
    'templates, not ids',
  );
  t.notMatch(text, /route="[^"]*[0-9a-f]{8}-[0-9a-f]{4}/);
});
