import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import t from 'tap';
import { shortForm } from '../faults/short-form.js';
import { uploadsKilled } from '../faults/uploads-killed.js';
import { eventually } from '../helpers/events.js';
import { gone, storedFiles, workerPid } from '../helpers/faults.js';
import { noise } from '../helpers/pictures.js';
import { type Service, startService } from '../helpers/service.js';

interface HalfUpload {
  readonly sending: ClientRequest;
  readonly answer: Promise<IncomingMessage>;
  readonly rest: Buffer;
}

/** Sends the first half of a picture, and waits until the service has begun to write it down. */
async function sendHalf(service: Service): Promise<HalfUpload> {
  // Twice what a spool writes at once: the first half reaches the disk.
  const file = await noise(900, 800).png({ compressionLevel: 0 }).toBuffer();
  const sending = request(`${service.url}/v1/images?preset=thumbnail`, {
    method: 'POST',
    headers: { 'content-type': 'image/png', 'content-length': file.length },
  });
  const answer = once(sending, 'response').then(([response]) => response);
  answer.catch(() => undefined);
  sending.write(file.subarray(0, file.length / 2));
  const early = answer.then(({ statusCode }) => Promise.reject(new Error(`answered ${statusCode} too soon`)));
  await Promise.race([
    early,
    eventually(async () => (await storedFiles(service, 'tmp')).length > 0 || undefined),
  ]);
  early.catch(() => undefined);
  return { sending, answer, rest: file.subarray(file.length / 2) };
}

await shortForm(t, uploadsKilled, 0.04);

t.test('an API that is asked to stop in the middle of an upload takes it to its end first', async (t) => {
  const service = await startService(t, { env: { RESIZE_THREADS: '1' } });
  const worker = await workerPid(service);
  const { sending, answer, rest } = await sendHalf(service);
  const exit = service.kill('SIGTERM');
  await gone(worker);
  await eventually(async () => ((await refused(service.url)) ? true : undefined));
  sending.end(rest);
  const response = await answer;
  t.equal(response.statusCode, 202);
  response.resume();
  const answered = performance.now();
  t.same(await exit, { code: 0, signal: null });
  const ms = performance.now() - answered;
  t.ok(
    ms < 2_000,
    `it ended ${Math.round(ms)} ms after its last answer, though the client kept its connection`,
  );
  const { dataDir, databaseUrl } = service;
  const again = await startService(t, { dataDir, databaseUrl, env: { RESIZE_THREADS: '1' } });
  const ended = await fetch(`${again.url}${response.headers.location}`, { headers: { prefer: 'wait=20' } });
  t.match(JSON.parse(await ended.text()), { state: 'completed' });
});

/** Whether nobody listens any more. */
async function refused(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, 'connect');
    return false;
  } catch {
    return true;
  } finally {
    socket.destroy();
  }
}
