import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { uploadAndWait } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { eventually } from '../helpers/events.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';
import { temporaryFolder } from '../helpers/services.js';
import type { WrittenSpan } from '../helpers/written-span.js';

const sdk = fileURLToPath(new URL('../helpers/tracing-sdk.js', import.meta.url));

/** One trace from the request through the queue to the thread and the store, on any backend. */
export async function traced(t: Test, redisUrl?: string): Promise<void> {
  const file = join(await temporaryFolder(t), 'spans');
  const service = await startService(t, {
    ...(redisUrl !== undefined && { redisUrl }),
    launcher: ['env', `NODE_OPTIONS=--import=${sdk}`],
    env: { TRACE_FILE: file, RESIZE_THREADS: '1' },
  });
  const api = await openApi(service.url);
  const spans = async (traceId: string): Promise<WrittenSpan[]> => {
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    return lines.map((line): WrittenSpan => JSON.parse(line)).filter((span) => span.traceId === traceId);
  };
  /** All spans of a trace, once the job's own, which ends last, is written. */
  const whole = (traceId: string) =>
    eventually(async () => {
      const all = await spans(traceId);
      return all.some(({ name }) => name === 'process resize') &&
        all.some(({ name }) => name === 'POST /v1/images')
        ? all
        : undefined;
    });

  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const parent = 'b7ad6b7169203331';
  await uploadAndWait(api, await picture(), {
    presets: ['thumbnail'],
    headers: { traceparent: `00-${traceId}-${parent}-01` },
  });
  const all = await whole(traceId);
  const named = (name: string): WrittenSpan => {
    const found = all.find((span) => span.name === name);
    if (!found) throw new Error(`there is no span ${name} among ${all.map((span) => span.name).join(', ')}`);
    return found;
  };
  const request = named('POST /v1/images');
  const attempt = named('process resize');
  const render = named('render');
  t.equal(request.parentId, parent, 'the request is a part of the client’s trace');
  t.match(request.attributes, { 'http.route': '/v1/images', 'http.response.status_code': 202 });
  t.equal(named('images.create').parentId, request.spanId);
  t.equal(named('enqueue resize').parentId, request.spanId);
  t.equal(attempt.parentId, request.spanId, 'the job is a part of the request');
  t.not(attempt.pid, request.pid, 'and runs in another process');
  t.equal(render.parentId, attempt.spanId);
  t.equal(named('render in thread').parentId, render.spanId);
  t.equal(named('jobs.complete').parentId, attempt.spanId);
  const puts = all.filter(({ name }) => name === 'store put');
  t.same(
    puts.map(({ pid, parentId }) => [pid, parentId]),
    [
      [request.pid, named('images.create').spanId],
      [attempt.pid, named('jobs.complete').spanId],
    ],
    'what is stored is a part of the transaction that records it',
  );
}
