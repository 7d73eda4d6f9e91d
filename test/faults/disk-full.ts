import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Image } from '../../lib/images/image.js';
import { hasty, jobEnd, jobWhen, post } from '../helpers/faults.js';
import { noise } from '../helpers/pictures.js';
import { filesLeft, startService } from '../helpers/service.js';
import { startPostgres } from '../helpers/services.js';
import { smallDisk } from '../helpers/small-disk.js';
import { type Fault, type FaultRun, Findings } from './fault.js';

const MIB = 1024 * 1024;
const DISK_MIB = 64;

/** Fills a small disk with uploads, and makes room again. */
export const diskFull: Fault = {
  name: 'disk-full',
  about: '64 MB tmpfs full',
  backends: ['postgres'],
  async run(run: FaultRun): Promise<Findings> {
    const found = new Findings();
    const { url: databaseUrl } = await startPostgres(run);
    const disk = await smallDisk(run, run.count(DISK_MIB, 8) * MIB);
    const env = { ...hasty, JOB_ATTEMPTS: '10', RESIZE_THREADS: '1' };
    const service = await startService(run, { ...disk.options, databaseUrl, env });
    const worker = Number((await service.logged(({ msg }) => msg === 'worker ready'))['pid']);
    const { url } = service;
    const dataDir = disk.dataDir(service);

    const { kept, refused } = await uploadUntilRefused(url);
    found.is('the upload that did not fit', refused === 507, `${refused} after ${kept.length}`);
    found.equal('temporary files', (await filesLeft({ dataDir })).length, 0);
    found.equal('originals, whole, under their digests', await wholeOriginals(dataDir), kept.length);

    await disk.fill(service, [service.pid, worker]);
    const [first, second] = kept;
    if (!first || !second) throw new Error('the disk holds not even two pictures');
    const { job } = await askFor(url, first);
    const met = await jobWhen(url, job, ({ error }) => error !== null);
    found.is('a job that meets it', met.error?.code === 'STORAGE_FULL', met.error?.code);
    const reading = await fetch(`${url}${first.links.content}`);
    found.is('what is there is served', (await reading.arrayBuffer()).byteLength === first.bytes);

    await disk.free(service, [service.pid, worker]);
    await fetch(`${url}/v1/images/${second.id}`, { method: 'DELETE' });
    const ended = await jobEnd(url, job);
    found.is('that job, once there is room', ended.state === 'completed', ended.state);
    const again = await post(url, {}, await file());
    found.is('an upload, once there is room', again.status === 201, String(again.status));
    found.is('ready again, with nothing restarted', (await fetch(`${url}/readyz`)).status === 200);
    found.equal('temporary files at the end', (await filesLeft({ dataDir })).length, 0);
    return found;
  },
};

/** About 1.5 MB. */
function file(): Promise<Buffer> {
  return noise(800, 600).png({ compressionLevel: 0 }).toBuffer();
}

async function uploadUntilRefused(url: string): Promise<{ kept: Image[]; refused: number }> {
  const kept: Image[] = [];
  for (;;) {
    const response = await post(url, {}, await file());
    const text = await response.text();
    if (response.status !== 201) return { kept, refused: response.status };
    kept.push(JSON.parse(text).image);
  }
}

async function askFor(url: string, { links }: Image): Promise<{ job: { id: string } }> {
  const response = await fetch(`${url}${links.renditions}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ presets: ['small'] }),
  });
  return JSON.parse(await response.text());
}

/** How many files in the store are what their names say. @throws Error at one that is not */
async function wholeOriginals(dataDir: string): Promise<number> {
  const folder = join(dataDir, 'store', 'originals');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  for (const { name, parentPath } of files) {
    const content = await readFile(join(parentPath, name));
    if (createHash('sha256').update(content).digest('hex') !== name) throw new Error(`${name} is not whole`);
  }
  return files.length;
}
