import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Image } from '../../lib/images/image.js';
import type { ProblemBody } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { makeKey, withKey } from '../helpers/keys.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';
import { begin, sendPart, tusHeaders, tusUpload } from '../helpers/tus.js';

const service = await startService(t, { env: { AUTH: 'on', ROLE: 'api' } });
const stranger = await openApi(service.url);
const operator = withKey(stranger, (await readFile(join(service.dataDir, 'admin.key'), 'utf8')).trim());
const acme = await makeKey(operator, stranger, { tenant: 'acme', role: 'writer' });
const zeta = await makeKey(operator, stranger, { tenant: 'zeta', role: 'writer' });
const reader = await makeKey(operator, stranger, { tenant: 'acme', role: 'reader' });
const missing = '/v1/uploads/01890000-0000-7000-8000-000000000000';

await t.test('another tenant’s upload is like one that is not there', async (t) => {
  const file = await picture();
  const path = await begin(acme.api, file.length, {});
  await sendPart(acme.api, path, 0, file.subarray(0, 1000));
  for (const method of ['GET', 'HEAD', 'DELETE', 'PATCH']) {
    const ask = async (at: string) => {
      const { status, headers, body } =
        method === 'PATCH'
          ? await sendPart<ProblemBody>(zeta.api, at, 1000, file.subarray(1000))
          : await zeta.api<ProblemBody>(at, { method, headers: tusHeaders });
      const names = [...headers.keys()].sort();
      return { status, names, code: body?.code, detail: body?.detail };
    };
    const other = await ask(path);
    t.equal(other.status, 404, method);
    t.same(other, await ask(missing), `${method}: told apart by nothing`);
  }
  const done = await sendPart(acme.api, path, 1000, file.subarray(1000));
  t.equal((await acme.api<Image>(done.headers.get('halftone-image') ?? '')).body.bytes, file.length);
});

await t.test('the image is the tenant’s whose key sends it', async (t) => {
  const file = await picture();
  const { headers, id } = await tusUpload(service.url, file, {
    headers: { authorization: `Bearer ${zeta.key.secret}` },
  });
  const image = headers.get('halftone-image') ?? '';
  t.equal((await zeta.api(image)).status, 200);
  t.equal((await acme.api(image)).status, 404);
  t.equal((await zeta.api(`/v1/uploads/${id}`)).status, 200);
});

await t.test('a reader sees what became of an upload, and makes none', async (t) => {
  const path = await begin(acme.api, 5, {});
  t.equal((await reader.api(path)).status, 200);
  t.equal((await reader.api(path, { method: 'HEAD', headers: tusHeaders })).status, 200);
  const post = { method: 'POST', headers: { ...tusHeaders, 'upload-length': '5' } };
  t.equal((await reader.api('/v1/uploads', post)).status, 403);
  t.equal((await sendPart(reader.api, path, 0, Buffer.from('x'))).status, 403);
  t.equal((await stranger(path)).status, 401);
});
