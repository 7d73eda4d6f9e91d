import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Image } from '../../lib/images/image.js';
import { formOf, type ListBody, type ProblemBody, upload } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { noise } from '../helpers/pictures.js';
import { exchange, open } from '../helpers/raw-http.js';
import { filesLeft, startService } from '../helpers/service.js';
import { uniqueName } from '../helpers/services.js';

const service = await startService(t, { env: { ROLE: 'api' } });
const api = await openApi(service.url);

await t.test('an upload that is cut off half-way leaves no row and no file', async (t) => {
  // Larger than what is held in memory: the file is on disk when the client leaves.
  const file = await noise(1200, 800).png().toBuffer();
  const form = new Response(formOf(file, { presets: ['thumbnail'] }));
  const bodies = [
    { type: 'image/png', body: file },
    { type: form.headers.get('content-type'), body: Buffer.from(await form.arrayBuffer()) },
  ];
  for (const { type, body } of bodies) {
    const id = uniqueName();
    const socket = await open(service.url);
    const head = `POST /v1/images?preset=thumbnail HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`;
    socket.write(head);
    socket.write(body.subarray(0, body.length / 2));
    while ((await filesLeft(service)).length === 0) await new Promise(setImmediate);
    socket.resetAndDestroy();
    await service.logged((line) => line['request'] === id && line.msg === 'request aborted by the client');
    while ((await filesLeft(service)).length > 0) await new Promise(setImmediate);
  }
  const images = await api<ListBody<Image>>('/v1/images?withTotal=true');
  t.equal(images.body.pagination.total, 0);
  t.same((await api<ListBody<unknown>>('/v1/jobs')).body.data, []);
  t.same(await readdir(join(service.dataDir, 'store')), ['tmp']);
  t.equal((await upload(api, file)).status, 201, 'the same file is taken when it comes whole');
});

await t.test('headers too large to read, and what is no HTTP', async (t) => {
  const huge = `GET /v1/images HTTP/1.1\r\nHost: x\r\nX-Junk: ${'x'.repeat(20_000)}\r\n\r\n`;
  for (const [request, status, code] of [
    [huge, 431, 'HEADERS_TOO_LARGE'],
    ['GET /v1/images HTTP/1.1\r\nno colon\r\n\r\n', 400, 'BAD_REQUEST'],
    ['HELO there\r\n\r\n', 400, 'BAD_REQUEST'],
  ] as const) {
    const { head, body } = await exchange(service.url, request);
    t.match(head[0], new RegExp(`^HTTP/1.1 ${status} `));
    t.ok(head.includes('Content-Type: application/problem+json'));
    t.ok(head.includes('Connection: close'));
    const problem: ProblemBody = JSON.parse(body);
    t.match(problem, { status, code, type: `/problems/${code}` });
  }
});

await t.test('an upload that is refused early is answered though the client still sends', async (t) => {
  const id = uniqueName();
  const socket = await open(service.url);
  socket.write(`POST /v1/images HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\nContent-Type: image/png\r\n`);
  socket.write(`Transfer-Encoding: chunked\r\n\r\n2000\r\n${'no image '.repeat(1000).slice(0, 0x2000)}\r\n`);
  const [answer] = await once(socket, 'data');
  t.match(String(answer), /^HTTP\/1.1 415 /);
  socket.end('0\r\n\r\n');
  await once(socket.resume(), 'close');
  t.same(await filesLeft(service), []);
});
