import type { Export } from '../../lib/exports/export.js';
import { uploadAndWait } from '../helpers/client.js';
import { type Api, openApi } from '../helpers/contract.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';
import { startPostgres } from '../helpers/services.js';
import { type Document, type GeneratedRequest, generatedRequests } from '../hostile/generated-requests.js';
import { type Fault, type FaultRun, Findings } from './fault.js';

const REQUESTS = 5_000;
const AT_ONCE = 8;
const env = { RESIZE_THREADS: '1', MAX_QUEUED_JOBS: '1000000' };

/** Requests made by dice from the OpenAPI document: the client looks at every answer, by the same document. */
export const randomRequests: Fault = {
  name: 'random-requests',
  about: '5,000 random requests of the OpenAPI document',
  backends: ['postgres'],
  async run(run: FaultRun): Promise<Findings> {
    const found = new Findings();
    const { url: databaseUrl } = await startPostgres(run);
    const service = await startService(run, { databaseUrl, env });
    const api = await openApi(service.url);
    const { body: document } = await api<Document>('/openapi.json');
    const requests = generatedRequests(document, 'halftone', await someIds(api));
    const wanted = run.count(REQUESTS);
    const statuses = new Map<number, number>();
    let [left, sound] = [wanted, 0];
    const client = async (): Promise<void> => {
      while (left-- > 0) {
        const request = requests.next().value;
        const answer = await ask(api, request);
        if (typeof answer === 'number') statuses.set(answer, (statuses.get(answer) ?? 0) + 1);
        if (typeof answer === 'number' && answer < 500) sound++;
        else found.is(toldOf(request), false, String(answer));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, client));
    found.equal('answers as the document says, and no 5xx', sound, wanted);
    const several = [200, 204, 400, 404].every((status) => (statuses.get(status) ?? 0) > wanted / 100);
    found.is('of every kind some', several, JSON.stringify(Object.fromEntries([...statuses].sort())));
    return found;
  },
};

/** Of things that are there, and words that paths have. */
async function someIds(api: Api): Promise<string[]> {
  const { image, job, renditions } = await uploadAndWait(api, await picture(), { presets: ['thumbnail'] });
  const json = { dataset: 'images', format: 'csv' };
  const { body } = await api<{ export: Export }>('/v1/exports', { method: 'POST', json });
  return [image.id, job.id, renditions[0]?.id ?? '', body.export.id, 'thumbnail', 'resize', 'pause'];
}

/** @returns the answer's status, or what was wrong with the answer */
async function ask(api: Api, { path, asked }: GeneratedRequest): Promise<number | string> {
  try {
    return (await api(path, { ...asked, signal: AbortSignal.timeout(20_000) })).status;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function toldOf({ path, asked }: GeneratedRequest): string {
  return `${asked.method} ${path.slice(0, 200)} ${JSON.stringify(asked.json)?.slice(0, 300)}`;
}
