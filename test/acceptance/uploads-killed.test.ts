import t from 'tap';
import type { Image } from '../../lib/images/image.js';
import { openApi } from '../helpers/contract.js';
import { connect } from '../helpers/embedded-postgres.js';
import { eventually } from '../helpers/events.js';
import { countRows, storedFiles } from '../helpers/faults.js';
import { bitmap } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';
import { begin, offsetOf, openPart, sha256, tusUpload } from '../helpers/tus.js';

const MIB = 1024 * 1024;

await t.test('an API that is killed in the middle of a long part, and of short ones', async (t) => {
  const file = await bitmap(2900, 2500);
  const first = await startService(t, { env: { ROLE: 'api' } });
  const { dataDir, databaseUrl } = first;
  const api = await openApi(first.url);
  const sql = connect(t, databaseUrl ?? '');
  const path = await begin(api, file.length, { preset: 'thumbnail' });
  const part = openPart(first.url, path, 0, file.length);
  part.on('error', () => {});
  part.write(file.subarray(0, 20 * MIB));
  await eventually(async () => {
    const [row] = await sql`select from uploads where "offset" >= ${16 * MIB}`;
    return row;
  });
  await first.kill('SIGKILL');

  const second = await startService(t, { dataDir, databaseUrl, env: { ROLE: 'api' } });
  const offset = await offsetOf(second, path);
  t.ok(offset >= 16 * MIB && offset <= 20 * MIB, `${offset} bytes are kept`);
  await t.rejects(
    tusUpload(second.url, file, {
      uploadUrl: `${second.url}${path}`,
      chunkSize: 400_000,
      onPart: (accepted) => {
        if (accepted > offset) second.kill('SIGKILL');
      },
    }),
  );

  const third = await startService(t, { dataDir, databaseUrl, env: { ROLE: 'api' } });
  t.ok((await offsetOf(third, path)) > offset, 'a part that was acknowledged is kept');
  const { headers } = await tusUpload(third.url, file, { uploadUrl: `${third.url}${path}` });
  const after = await openApi(third.url);
  const image = await after<Image>(headers.get('halftone-image') ?? '');
  t.equal(image.body.sha256, sha256(file));
  t.equal(await countRows(t, databaseUrl, 'jobs'), 1);
  t.same(await storedFiles(third, 'uploads'), []);
});
