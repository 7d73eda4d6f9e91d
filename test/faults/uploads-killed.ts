import { eventually } from '../helpers/events.js';
import { gone, hasty, storedFiles, workerPid } from '../helpers/faults.js';
import { noise } from '../helpers/pictures.js';
import { type Fault, type FaultRun, Findings } from './fault.js';
import { allEnded, brokenOriginals } from './record.js';
import { startServed } from './served.js';
import { uploadKinds } from './upload-kinds.js';

const KILLS = 50;
// How much of an upload is there when the process dies; at 1 it races with the answer.
const SHARES = [0.5, 0.1, 1, 0.9] as const;
// What is left lying is swept once nobody can be writing to it any more.
const sweeping = { ...hasty, UPLOAD_TIMEOUT_SECONDS: '1', JOB_TIMEOUT_SECONDS: '1' };

/** Kills the API in the middle of uploads, and starts it again on what is left. */
export const uploadsKilled: Fault = {
  name: 'uploads-killed',
  about: 'API killed -9 in mid-upload',
  backends: ['postgres'],
  async run(run: FaultRun): Promise<Findings> {
    const found = new Findings();
    const kills = run.count(KILLS);
    const { sql, service: first, start } = await startServed(run, { env: { RESIZE_THREADS: '1' } });
    let service = first;
    let [cut, resumable, resumed] = [0, 0, 0];
    for (let kill = 0; kill < kills; kill++) {
      const kind = uploadKinds[kill % uploadKinds.length] ?? uploadKinds[0];
      // Twice what a spool writes at once: a half reaches the disk.
      const file = await noise(900, 800).png({ compressionLevel: 0 }).toBuffer();
      const worker = await workerPid(service);
      const upload = await kind.begin(service, file, SHARES[kill % SHARES.length] ?? 1);
      await service.kill('SIGKILL');
      if ((await upload.outcome) !== 'answered') cut++;
      await gone(worker);
      service = await start();
      if (!upload.resume) continue;
      resumable++;
      if (await upload.resume(service.url)) resumed++;
    }
    await service.stop();
    found.is('uploads cut off before their answer', cut > 0, `${cut} of ${kills}`);
    found.equal('resumable uploads that went on', resumed, resumable);
    const last = await start({ env: sweeping });
    await eventually(async () => ((await storedFiles(last, 'tmp')).length === 0 ? true : undefined));
    found.equal('temporary files after the sweep', (await storedFiles(last, 'tmp')).length, 0);
    await allEnded(sql);
    found.equal('rows without their whole file', await brokenOriginals(sql, last.url), 0);
    const [row] = await sql<{ count: number }[]>`select count(distinct sha256)::int as count from images`;
    found.equal('originals', (await storedFiles(last, 'originals')).length, row?.count ?? -1);
    await last.stop();
    return found;
  },
};
