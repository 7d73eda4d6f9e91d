import t from 'tap';
import type { Export } from '../../lib/exports/export.js';
import { uploadAndWait } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';
import { type Document, randomRequests } from './random-requests.js';

const REQUESTS = 2_000;
const AT_ONCE = 8;

const service = await startService(t, { env: { RESIZE_THREADS: '1', MAX_QUEUED_JOBS: '1000000' } });
const api = await openApi(service.url);

t.test('random requests: no answer is a 5xx, and each is as the document says', async (t) => {
  const { image, job, renditions } = await uploadAndWait(api, await picture(), { presets: ['thumbnail'] });
  const { body } = await api<{ export: Export }>('/v1/exports', {
    method: 'POST',
    json: { dataset: 'images', format: 'csv' },
  });
  const ids = [image.id, job.id, renditions[0]?.id ?? '', body.export.id, 'thumbnail', 'resize', 'pause'];
  const { body: document } = await api<Document>('/openapi.json');
  const requests = randomRequests(document, 'npm test', ids);
  const [statuses, faults]: [Map<number, number>, string[]] = [new Map(), []];
  let left = REQUESTS;
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const { path, asked } = requests.next().value;
      const said = `${asked.method} ${path.slice(0, 200)} ${JSON.stringify(asked.json)?.slice(0, 300)}`;
      try {
        const { status } = await api(path, { ...asked, signal: AbortSignal.timeout(20_000) });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status >= 500) faults.push(`${status}: ${said}`);
      } catch (error) {
        faults.push(`${error instanceof Error ? error.message : error}: ${said}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  t.same(faults, []);
  t.comment(JSON.stringify(Object.fromEntries([...statuses].sort())));
  t.ok(
    [200, 204, 400, 404].every((status) => (statuses.get(status) ?? 0) > 20),
    'of every kind some',
  );
});
